"""What each vendor sends, whole and as a stream, read by the relay's readers and priced by hand to the nano-dollar.

One USD for a million tokens is 1,000 nano-dollars for each, so the sums below can be checked on paper.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.relay import reading, streams
from pronghorn.wire.usage import Usage

ONE = 1_000_000
Document = dict[str, Any]


class Case(NamedTuple):
    usd: dict[str, Any]
    """A million tokens of each component, or the member of a price document by its own name."""
    whole: bytes
    read: reading.Reader
    nano: int
    events: Sequence[bytes] = ()
    reader: Callable[[], streams.StreamReader] = streams.CompletionReader


def price_of(usd: dict[str, Any]) -> Price:
    named = {
        name if name.startswith(("per_", "tiers")) else f"{name}_usd_per_million": text
        for name, text in usd.items()
    }
    return Price(msgspec.convert(named, PriceDocument))


def encoded(document: Any) -> bytes:
    return msgspec.json.encode(document)


def data(document: Any) -> bytes:
    return b"data: " + encoded(document) + b"\n\n"


def typed(type_: str, **members: Any) -> bytes:
    return b"event: " + type_.encode() + b"\n" + data({"type": type_, **members})


def completion(usage: Document, **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    return encoded({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage} | more)


def chunk(**members: Any) -> bytes:
    return data({"id": "c", "object": "chat.completion.chunk", **members})


SAID = chunk(
    choices=[{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}]
)
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}
DONE = b"data: [DONE]\n\n"


def last_alone(usage: Document) -> tuple[bytes, ...]:
    """Usage in a chunk of its own, as OpenAI has it."""
    return (SAID, chunk(choices=[STOP]), chunk(choices=[], usage=usage), DONE)


def with_finish(usage: Document, **more: Any) -> tuple[bytes, ...]:
    """Usage in the chunk that says how it ended."""
    return (SAID, chunk(choices=[STOP], usage=usage, **more), DONE)


def chat(usd: dict[str, Any], usage: Document, nano: int, events: Sequence[bytes] = ()) -> Case:
    return Case(usd, completion(usage), reading.completion, nano, events or last_alone(usage))


# OpenAI

GPT_5 = {"input": "1.25", "cache_read": "0.125", "output": "10"}
CHAT = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 192,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
GPT_AUDIO = {"input": "2.5", "output": "10", "audio_input": "32", "audio_output": "64"}
HEARD = {
    "prompt_tokens": 120,
    "completion_tokens": 90,
    "total_tokens": 210,
    "prompt_tokens_details": {"audio_tokens": 100, "cached_tokens": 0, "text_tokens": 20},
    "completion_tokens_details": {"audio_tokens": 70, "text_tokens": 20, "reasoning_tokens": 0},
}
RESPONDED = {
    "input_tokens": 300_000,
    "input_tokens_details": {"cached_tokens": 128_000},
    "output_tokens": 52,
    "output_tokens_details": {"reasoning_tokens": 32},
    "total_tokens": 300_052,
}
GPT_54 = {
    "input": "2.5",
    "output": "15",
    "cache_read": "0.25",
    "tiers": [
        {
            "above_input_tokens": 272_000,
            "input_usd_per_million": "5",
            "output_usd_per_million": "22.5",
            "cache_read_usd_per_million": "0.5",
        }
    ],
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}],
    "usage": RESPONDED,
}
PAINTED = {
    "total_tokens": 1120,
    "input_tokens": 64,
    "output_tokens": 1056,
    "input_tokens_details": {"text_tokens": 14, "image_tokens": 50},
}
GPT_IMAGE = {"input": "5", "image_input": "8", "image_output": "30", "output": "30"}
TRANSCRIBED = {
    "type": "tokens",
    "input_tokens": 33,
    "input_token_details": {"text_tokens": 3, "audio_tokens": 30},
    "output_tokens": 12,
    "total_tokens": 45,
}
TRANSCRIBE = {"input": "2.5", "output": "10", "audio_input": "6"}
WHISPER: Document = {"text": "Hello", "usage": {"type": "duration", "seconds": 61}}

OPENAI = {
    "OpenAI chat": chat(GPT_5, CHAT, 86 * 1_250 + 1_920 * 125 + 300 * 10_000),
    "OpenAI chat with sound": chat(GPT_AUDIO, HEARD, 20 * 2_500 + 100 * 32_000 + 20 * 10_000 + 70 * 64_000),
    "OpenAI Responses in a long context": Case(
        GPT_54,
        encoded(RESPONSE),
        reading.response,
        172_000 * 5_000 + 128_000 * 500 + 52 * 22_500,
        (
            typed("response.output_text.delta", delta="Hello"),
            typed("response.completed", response=RESPONSE),
        ),
        streams.ResponsesReader,
    ),
    "OpenAI pictures": Case(
        GPT_IMAGE,
        encoded({"created": 1, "data": [{"b64_json": "AA=="}], "usage": PAINTED}),
        reading.images,
        14 * 5_000 + 50 * 8_000 + 1_056 * 30_000,
        (typed("image_generation.completed", b64_json="AA==", usage=PAINTED),),
        streams.EventReader,
    ),
    "OpenAI transcription by tokens": Case(
        TRANSCRIBE,
        encoded({"text": "Hello", "usage": TRANSCRIBED}),
        lambda body, _: reading.transcript(body, b"application/json"),
        3 * 2_500 + 30 * 6_000 + 12 * 10_000,
        (
            typed("transcript.text.delta", delta="Hello"),
            typed("transcript.text.done", text="Hello", usage=TRANSCRIBED),
        ),
        streams.EventReader,
    ),
    "OpenAI transcription by seconds": Case(
        {"per_second_usd": "0.0001"},
        encoded(WHISPER),
        lambda body, _: reading.transcript(body, b"application/json"),
        61 * 100_000,
    ),
    "OpenAI embeddings": Case(
        {"input": "0.02"},
        encoded(
            {
                "object": "list",
                "data": [{"embedding": [0.1]}],
                "usage": {"prompt_tokens": 8, "total_tokens": 8},
            }
        ),
        reading.listing,
        8 * 20,
    ),
}

# Anthropic

SONNET = {
    "input": "3",
    "output": "15",
    "cache_read": "0.30",
    "cache_write_5m": "3.75",
    "cache_write_1h": "6",
}
BOTH_WRITES = {
    "input_tokens": 50,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 500,
    "service_tier": "standard",
    "server_tool_use": {"web_search_requests": 1},
}
OLD_WRITE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 0,
    "output_tokens": 7,
}


def messages(usage: Document, nano: int) -> Case:
    message: Document = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    begun = message | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    events = (
        typed("message_start", message=begun),
        typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
        typed("content_block_stop", index=0),
        typed(
            "message_delta",
            delta={"stop_reason": "end_turn"},
            usage={"output_tokens": usage["output_tokens"]},
        ),
        typed("message_stop"),
    )
    return Case(SONNET, encoded(message), reading.messages, nano, events, streams.MessagesReader)


ANTHROPIC = {
    "Anthropic with both cache writes": messages(
        BOTH_WRITES, 50 * 3_000 + 1_000 * 300 + 200 * 3_750 + 100 * 6_000 + 500 * 15_000
    ),
    "Anthropic without the split of writes": messages(OLD_WRITE, 5 * 3_000 + 30 * 3_750 + 7 * 15_000),
}

# Google

FLASH = {"input": "0.30", "output": "2.50", "cache_read": "0.03", "audio_input": "1"}
THOUGHT = {
    "promptTokenCount": 1500,
    "cachedContentTokenCount": 600,
    "candidatesTokenCount": 80,
    "thoughtsTokenCount": 220,
    "totalTokenCount": 1800,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 1158},
        {"modality": "AUDIO", "tokenCount": 342},
    ],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 600}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 80}],
}
CACHED_SOUND = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 700,
    "candidatesTokenCount": 10,
    "totalTokenCount": 1010,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 200},
        {"modality": "AUDIO", "tokenCount": 800},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 700}],
}
PICTURE = {
    "promptTokenCount": 9,
    "candidatesTokenCount": 1300,
    "totalTokenCount": 1309,
    "candidatesTokensDetails": [
        {"modality": "IMAGE", "tokenCount": 1290},
        {"modality": "TEXT", "tokenCount": 10},
    ],
}


def generated(usd: dict[str, Any], usage: Document, nano: int) -> Case:
    """A stream counts up: only its last count holds."""

    def answer(finish: str | None, counted: Document) -> Document:
        candidate = {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": finish}
        return {"candidates": [candidate], "usageMetadata": counted}

    first = {"promptTokenCount": usage["promptTokenCount"], "candidatesTokenCount": 1}
    events = (data(answer(None, first)), data(answer("STOP", usage)))
    whole = encoded(answer("STOP", usage))
    return Case(usd, whole, reading.generated, nano, events, streams.GenerateReader)


GOOGLE = {
    "Gemini with thoughts, cached and heard": generated(
        FLASH, THOUGHT, 558 * 300 + 600 * 30 + 342 * 1_000 + (80 + 220) * 2_500
    ),
    "Gemini paints": generated(
        {"input": "0.30", "output": "2.50", "image_output": "30"},
        PICTURE,
        9 * 300 + 10 * 2_500 + 1_290 * 30_000,
    ),
}

# Those that speak OpenAI's dialect, each with members of its own

DEEPSEEK = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "prompt_tokens_details": {"cached_tokens": 896},
    "prompt_cache_hit_tokens": 896,
    "prompt_cache_miss_tokens": 104,
}
ONLY_HITS = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "prompt_cache_hit_tokens": 896,
    "prompt_cache_miss_tokens": 104,
}
MISTRAL = {"prompt_tokens": 16, "total_tokens": 50, "completion_tokens": 34, "prompt_audio_seconds": None}
XAI = {
    "prompt_tokens": 32,
    "completion_tokens": 9,
    "total_tokens": 135,
    "prompt_tokens_details": {"text_tokens": 32, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 6},
    "completion_tokens_details": {
        "reasoning_tokens": 94,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
    "num_sources_used": 0,
}
GROQ = {
    "queue_time": 0.018,
    "prompt_tokens": 4641,
    "prompt_time": 0.08,
    "completion_tokens": 1817,
    "completion_time": 4.2,
    "total_tokens": 6458,
    "total_time": 4.28,
    "prompt_tokens_details": {"cached_tokens": 4608},
}
MOONSHOT = {"prompt_tokens": 1336, "completion_tokens": 31, "total_tokens": 1367, "cached_tokens": 1280}
MOONSHOT_BOTH = MOONSHOT | {"prompt_tokens_details": {"cached_tokens": 1280}}
QWEN = {
    "prompt_tokens": 3019,
    "completion_tokens": 104,
    "total_tokens": 3123,
    "prompt_tokens_details": {"cached_tokens": 2048},
}
ZHIPU = {
    "prompt_tokens": 1700,
    "completion_tokens": 250,
    "total_tokens": 1950,
    "prompt_tokens_details": {"cached_tokens": 1500},
}
MINIMAX = {
    "total_tokens": 249,
    "total_characters": 0,
    "prompt_tokens": 26,
    "completion_tokens": 223,
    "completion_tokens_details": {"reasoning_tokens": 214},
}
DOUBAO = {
    "prompt_tokens": 119,
    "completion_tokens": 70,
    "total_tokens": 189,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 42},
}
PERPLEXITY = {
    "prompt_tokens": 14,
    "completion_tokens": 70,
    "total_tokens": 84,
    "search_context_size": "low",
    "cost": {
        "input_tokens_cost": 0.0,
        "output_tokens_cost": 0.001,
        "request_cost": 0.006,
        "total_cost": 0.007,
    },
}
OPENROUTER = {
    "prompt_tokens": 194,
    "completion_tokens": 102,
    "total_tokens": 296,
    "cost": 0.00014,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 60, "image_tokens": 0},
    "cost_details": {"upstream_inference_cost": None},
}
PLAIN = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
TOTAL = {"total_tokens": 17}

COMPATIBLE = {
    "DeepSeek": chat(
        {"input": "0.28", "cache_read": "0.028", "output": "0.42"},
        DEEPSEEK,
        104 * 280 + 896 * 28 + 50 * 420,
        with_finish(DEEPSEEK),
    ),
    "DeepSeek before it had details": chat(
        {"input": "0.28", "cache_read": "0.028", "output": "0.42"},
        ONLY_HITS,
        104 * 280 + 896 * 28 + 50 * 420,
    ),
    "Mistral": chat({"input": "2", "output": "6"}, MISTRAL, 16 * 2_000 + 34 * 6_000, with_finish(MISTRAL)),
    "xAI, which counts reasoning beside the rest": chat(
        {"input": "0.20", "cache_read": "0.05", "output": "0.50"}, XAI, 26 * 200 + 6 * 50 + (9 + 94) * 500
    ),
    "Groq": chat(
        {"input": "0.15", "cache_read": "0.075", "output": "0.60"},
        GROQ,
        33 * 150 + 4_608 * 75 + 1_817 * 600,
        with_finish(GROQ, x_groq={"id": "req_1", "usage": GROQ}),
    ),
    "Moonshot with details": chat(
        {"input": "0.60", "cache_read": "0.15", "output": "2.50"},
        MOONSHOT_BOTH,
        56 * 600 + 1_280 * 150 + 31 * 2_500,
    ),
    "Qwen": chat(
        {"input": "1.20", "cache_read": "0.24", "output": "6"}, QWEN, 971 * 1_200 + 2_048 * 240 + 104 * 6_000
    ),
    "Zhipu": chat(
        {"input": "0.60", "cache_read": "0.11", "output": "2.20"},
        ZHIPU,
        200 * 600 + 1_500 * 110 + 250 * 2_200,
        with_finish(ZHIPU),
    ),
    "MiniMax": chat({"input": "0.30", "output": "1.20"}, MINIMAX, 26 * 300 + 223 * 1_200),
    "Doubao": chat({"input": "0.25", "output": "2"}, DOUBAO, 119 * 250 + 70 * 2_000),
    "Perplexity": chat(
        {"input": "3", "output": "15"}, PERPLEXITY, 14 * 3_000 + 70 * 15_000, with_finish(PERPLEXITY)
    ),
    "OpenRouter": chat(
        {"input": "3", "cache_read": "0.30", "cache_write_5m": "3.75", "output": "15"},
        OPENROUTER,
        44 * 3_000 + 100 * 300 + 50 * 3_750 + 102 * 15_000,
    ),
    **{
        name: chat({"input": "0.5", "output": "1.5"}, PLAIN, 1_000 * 500 + 500 * 1_500)
        for name in ("Cohere", "Together", "Fireworks", "SiliconFlow", "Meta", "Ollama", "vLLM", "llama.cpp")
    },
    "Voyage AI": Case(
        {"input": "0.06"},
        encoded({"object": "list", "data": [{"embedding": [0.1]}], "usage": TOTAL}),
        reading.listing,
        17 * 60,
    ),
    "Cohere's rerank": Case(
        {"per_call_usd": "0.002"},
        encoded(
            {"results": [{"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}}
        ),
        reading.listing,
        2_000_000,
    ),
}


OWN_MEMBERS = {
    "Moonshot's own count of hits": chat(
        {"input": "0.60", "cache_read": "0.15", "output": "2.50"},
        MOONSHOT,
        56 * 600 + 1_280 * 150 + 31 * 2_500,
    ),
    "Moonshot with the count in the choice": chat(
        {"input": "0.60", "cache_read": "0.15", "output": "2.50"},
        MOONSHOT_BOTH,
        56 * 600 + 1_280 * 150 + 31 * 2_500,
        (SAID, chunk(choices=[STOP | {"usage": MOONSHOT_BOTH}]), DONE),
    ),
    "Gemini with sound in its cache": generated(
        FLASH, CACHED_SOUND, 200 * 300 + 700 * 30 + 100 * 1_000 + 10 * 2_500
    ),
    "Mistral transcription by seconds": Case(
        {"per_second_usd": "0.00005"},
        encoded(
            {
                "text": "Hello",
                "usage": {
                    "prompt_audio_seconds": 203,
                    "prompt_tokens": 4,
                    "completion_tokens": 635,
                    "total_tokens": 3264,
                },
            }
        ),
        lambda body, _: reading.transcript(body, b"application/json"),
        203 * 50_000,
    ),
}
"""What a single vendor says in a member of its own."""
GOLDEN = OPENAI | ANTHROPIC | GOOGLE | COMPATIBLE | OWN_MEMBERS


def charged(case: Case, usage: Usage | None) -> int:
    price = price_of(case.usd)
    usage = usage or Usage()
    if price.is_by_call:
        usage.calls = 1  # as `relay/measuring.py` does
    return price.charge(usage, ONE).nano


def streamed(case: Case) -> streams.StreamReader:
    reader = case.reader()
    for event in case.events:
        reader.read(event)
    return reader


@pytest.mark.parametrize("name", GOLDEN)
def test_a_whole_answer_costs_what_it_costs_by_hand(name: str) -> None:
    case = GOLDEN[name]
    found = case.read(case.whole, b"application/json")
    assert not found.is_empty
    assert charged(case, found.usage) == case.nano


@pytest.mark.parametrize("name", [name for name, case in GOLDEN.items() if case.events])
def test_a_stream_costs_what_the_whole_answer_costs(name: str) -> None:
    case = GOLDEN[name]
    reader = streamed(case)
    assert reader.is_ended and reader.has_content
    assert charged(case, reader.usage) == case.nano
