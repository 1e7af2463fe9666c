"""Usage as each vendor really counts it, the one shape that it becomes, and what it costs to the nano-dollar."""

from typing import Any

import msgspec
import pytest

from pronghorn.convert import usage
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.wire import anthropic, gemini, openai
from pronghorn.wire.usage import Usage

READERS: dict[str, tuple[Any, Any]] = {
    "openai": (openai.UsageObject, usage.from_openai),
    "anthropic": (anthropic.UsageObject, usage.from_anthropic),
    "gemini": (gemini.UsageMetadata, usage.from_gemini),
}
CASES: dict[str, tuple[str, str, Usage]] = {
    "OpenAI chat": (
        "openai",
        """{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
        "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
        "completion_tokens_details":{"reasoning_tokens":192,"audio_tokens":0,
        "accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}""",
        Usage(input=2006, output=300, cache_read=1920, reasoning=192),
    ),
    "OpenAI chat with sound": (
        "openai",
        """{"prompt_tokens":120,"completion_tokens":90,"total_tokens":210,
        "prompt_tokens_details":{"audio_tokens":100,"cached_tokens":0,"text_tokens":20},
        "completion_tokens_details":{"audio_tokens":70,"text_tokens":20}}""",
        Usage(input=120, output=90, audio_input=100, audio_output=70),
    ),
    "OpenAI Responses": (
        "openai",
        """{"input_tokens":328,"input_tokens_details":{"cached_tokens":128,"cache_write_tokens":64},
        "output_tokens":52,"output_tokens_details":{"reasoning_tokens":32},"total_tokens":380}""",
        Usage(input=328, output=52, cache_read=128, cache_write_5m=64, reasoning=32),
    ),
    "OpenAI pictures": (
        "openai",
        """{"total_tokens":1120,"input_tokens":64,"output_tokens":1056,
        "input_tokens_details":{"text_tokens":14,"image_tokens":50},
        "output_tokens_details":{"image_tokens":1056,"text_tokens":0}}""",
        Usage(input=64, output=1056, image_input=50, image_output=1056),
    ),
    "DeepSeek with a cache hit": (
        "openai",
        """{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,
        "prompt_cache_hit_tokens":896,"prompt_cache_miss_tokens":104}""",
        Usage(input=1000, output=50, cache_read=896),
    ),
    "DeepSeek's reasoner": (
        "openai",
        """{"prompt_tokens":20,"completion_tokens":400,"total_tokens":420,
        "prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":350},
        "prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":20}""",
        Usage(input=20, output=400, reasoning=350),
    ),
    "xAI counts reasoning beside the rest": (
        "openai",
        """{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,
        "prompt_tokens_details":{"text_tokens":32,"audio_tokens":0,"image_tokens":0,"cached_tokens":6},
        "completion_tokens_details":{"reasoning_tokens":94,"audio_tokens":0},
        "num_sources_used":0,"cost_in_usd_ticks":158500}""",
        Usage(input=32, output=103, cache_read=6, reasoning=94),
    ),
    "OpenRouter": (
        "openai",
        """{"prompt_tokens":194,"completion_tokens":102,"total_tokens":296,"cost":0.00014,"is_byok":false,
        "prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":50,"audio_tokens":0},
        "completion_tokens_details":{"reasoning_tokens":60,"image_tokens":0},"cost_details":{}}""",
        Usage(input=194, output=102, cache_read=100, cache_write_5m=50, reasoning=60),
    ),
    "a vendor that knows the total alone": ("openai", '{"total_tokens":17}', Usage(input=17)),
    "Anthropic with both caches and thinking": (
        "anthropic",
        """{"input_tokens":50,"cache_creation_input_tokens":300,"cache_read_input_tokens":1000,
        "cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":100},
        "output_tokens":500,"output_tokens_details":{"thinking_tokens":400},"service_tier":"standard",
        "server_tool_use":{"web_search_requests":1}}""",
        Usage(input=1350, output=500, cache_read=1000, cache_write_5m=200, cache_write_1h=100, reasoning=400),
    ),
    "Anthropic without the split": (
        "anthropic",
        '{"input_tokens":5,"cache_creation_input_tokens":30,"cache_read_input_tokens":0,"output_tokens":7}',
        Usage(input=35, output=7, cache_write_5m=30),
    ),
    "Gemini with all of it": (
        "gemini",
        """{"promptTokenCount":1500,"cachedContentTokenCount":600,"candidatesTokenCount":80,
        "thoughtsTokenCount":220,"toolUsePromptTokenCount":40,"totalTokenCount":1840,
        "promptTokensDetails":[{"modality":"TEXT","tokenCount":900},{"modality":"AUDIO","tokenCount":342},
        {"modality":"IMAGE","tokenCount":258}],
        "candidatesTokensDetails":[{"modality":"TEXT","tokenCount":80}],"trafficType":"ON_DEMAND"}""",
        Usage(input=1540, output=300, cache_read=600, audio_input=342, image_input=258, reasoning=220),
    ),
    "Gemini paints": (
        "gemini",
        """{"promptTokenCount":9,"candidatesTokenCount":1300,"totalTokenCount":1309,
        "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290},
        {"modality":"TEXT","tokenCount":10}]}""",
        Usage(input=9, output=1300, image_output=1290),
    ),
}
CLAUDE = {
    "input_usd_per_million": "3",
    "output_usd_per_million": "15",
    "cache_read_usd_per_million": "0.30",
    "cache_write_5m_usd_per_million": "3.75",
    "cache_write_1h_usd_per_million": "6",
}
GEMINI = {
    "input_usd_per_million": "0.30",
    "output_usd_per_million": "2.50",
    "cache_read_usd_per_million": "0.03",
    "audio_input_usd_per_million": "1",
}
PRICED: dict[str, tuple[dict[str, str], int]] = {
    # 86 x 1.25 + 1920 x 0.125 + 300 x 10 = 107.5 + 240 + 3000
    "OpenAI chat": (
        {
            "input_usd_per_million": "1.25",
            "cache_read_usd_per_million": "0.125",
            "output_usd_per_million": "10",
        },
        3_347_500,
    ),
    # 104 x 0.28 + 896 x 0.028 + 50 x 0.42 = 29.12 + 25.088 + 21
    "DeepSeek with a cache hit": (
        {
            "input_usd_per_million": "0.28",
            "cache_read_usd_per_million": "0.028",
            "output_usd_per_million": "0.42",
        },
        75_208,
    ),
    # 26 x 0.30 + 6 x 0.075 + 103 x 0.50 = 7.8 + 0.45 + 51.5
    "xAI counts reasoning beside the rest": (
        {
            "input_usd_per_million": "0.30",
            "cache_read_usd_per_million": "0.075",
            "output_usd_per_million": "0.50",
        },
        59_750,
    ),
    # 50 x 3 + 1000 x 0.30 + 200 x 3.75 + 100 x 6 + 500 x 15 = 150 + 300 + 750 + 600 + 7500
    "Anthropic with both caches and thinking": (CLAUDE, 9_300_000),
    # 5 x 3 + 30 x 3.75 + 7 x 15 = 15 + 112.5 + 105
    "Anthropic without the split": (CLAUDE, 232_500),
    # 598 x 0.30 + 600 x 0.03 + 342 x 1 + 300 x 2.50 = 179.4 + 18 + 342 + 750; pictures cost what text costs
    "Gemini with all of it": (GEMINI, 1_289_400),
}
WRITERS: dict[str, tuple[Any, Any, Any]] = {
    "chat": (usage.to_chat, openai.UsageObject, usage.from_openai),
    "responses": (usage.to_responses, openai.UsageObject, usage.from_openai),
    "messages": (usage.to_messages, anthropic.UsageObject, usage.from_anthropic),
    "generate": (usage.to_generate, gemini.UsageMetadata, usage.from_gemini),
}


def read(name: str) -> Usage:
    vendor, counted, _ = CASES[name]
    shape, reader = READERS[vendor]
    found: Usage = reader(msgspec.convert(msgspec.json.decode(counted), shape, strict=False))
    return found


@pytest.mark.parametrize("name", CASES)
def test_usage_is_read_as_it_is_meant(name: str) -> None:
    assert read(name) == CASES[name][2]


@pytest.mark.parametrize("name", PRICED)
def test_usage_costs_what_it_costs_by_hand(name: str) -> None:
    document, nano = PRICED[name]
    price = Price(msgspec.convert(document, PriceDocument))
    assert price.charge(read(name), 1_000_000).nano == nano


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dialect", WRITERS)
def test_totals_and_cache_hits_arrive_in_every_dialect(dialect: str, name: str) -> None:
    write, shape, reader = WRITERS[dialect]
    before = read(name)
    after = reader(msgspec.convert(write(before), shape))
    assert (after.input, after.output, after.cache_read, after.reasoning) == (
        before.input,
        before.output,
        before.cache_read,
        before.reasoning,
    )


@pytest.mark.parametrize("count", [-1, 10**12])
def test_what_cannot_be_believed_is_no_usage(count: int) -> None:
    assert usage.from_openai(openai.UsageObject(prompt_tokens=count, completion_tokens=1)) is None
    assert usage.from_anthropic(anthropic.UsageObject(input_tokens=1, output_tokens=count)) is None
    assert usage.from_gemini(gemini.UsageMetadata(promptTokenCount=1, thoughtsTokenCount=count)) is None
