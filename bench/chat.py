"""The OpenAI bytes of the bench, shared by stub and load, so that neither has to guess what the other sends.

A model's name is its script: `stub-1kb`, `stub-32kb`, `stub-1mb` answer so many bytes, `stub-20x250ms` streams
20 chunks, one every 250 ms, and `stub-500x0ms` streams 500 without a gap.
"""

import re
from dataclasses import dataclass

import msgspec

_SIZE = re.compile(r"stub-([1-9][0-9]{0,3})(kb|mb)")
_SCRIPT = re.compile(r"stub-([1-9][0-9]{0,5})x([0-9]{1,5})ms")
_UNIT_BYTES = {"kb": 1024, "mb": 1024 * 1024}
_WORDS = "the quick brown fox jumps over the lazy dog while the band plays on and nobody minds the rain "

STAMP_DIGITS = 19
STAMP = re.compile(rb"t=([0-9]{%d})" % STAMP_DIGITS)
"""The moment a chunk was sent, in nanoseconds of the machine's monotonic clock, inside its content."""
DONE = b"data: [DONE]\n\n"
OUTPUT_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Script:
    """What a model name asks of the stub: `answer_bytes` when not streamed, `chunks` and `gap_s` when streamed."""

    answer_bytes: int = 1024
    chunks: int = 20
    gap_s: float = 0.0

    @property
    def stream_s(self) -> float:
        """How long one stream lasts; the first chunk is sent at once."""
        return (self.chunks - 1) * self.gap_s


def parse_model(name: str) -> Script:
    """Raises `ValueError` with the grammar when `name` is not part of it."""
    if match := _SIZE.fullmatch(name):
        return Script(answer_bytes=int(match[1]) * _UNIT_BYTES[match[2]])
    if match := _SCRIPT.fullmatch(name):
        return Script(chunks=int(match[1]), gap_s=int(match[2]) / 1000)
    raise ValueError(f"model {name!r} is neither stub-<N>kb, stub-<N>mb nor stub-<CHUNKS>x<GAP>ms")


def text(length: int) -> str:
    """`length` characters of plain words."""
    return (_WORDS * (length // len(_WORDS) + 1))[:length]


def request_body(model: str, length: int, *, stream: bool) -> bytes:
    """A chat request of exactly `length` bytes, or of its smallest size when `length` is less."""
    body: dict[str, object] = {"model": model}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    system = {"role": "system", "content": "Answer in one sentence."}
    user = {"role": "user", "content": ""}
    body |= {"max_tokens": OUTPUT_TOKENS, "temperature": 0.7, "messages": [system, user]}
    user["content"] = text(max(0, length - len(msgspec.json.encode(body))))
    return msgspec.json.encode(body)


def request(host: str, key: str, body: bytes) -> bytes:
    """The whole HTTP request, as the official SDK would send it but for its telemetry headers."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\nuser-agent: bench/1\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def usage() -> dict[str, object]:
    return {
        "prompt_tokens": 210,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": 210 + OUTPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def answer_body(model: str) -> bytes:
    """The answer that is not streamed: as many bytes as the name asks for, and never less than a whole answer."""
    message: dict[str, object] = {"role": "assistant", "content": "", "refusal": None, "annotations": []}
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1780000000,
        "model": model,
        "system_fingerprint": "fp_bench",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage(),
    }
    missing = parse_model(model).answer_bytes - len(msgspec.json.encode(body))
    message["content"] = text(max(0, missing))
    return msgspec.json.encode(body)


def event(model: str, choices: list[object], used: dict[str, object] | None) -> bytes:
    """One server-sent event of a stream."""
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1780000000,
        "model": model,
        "system_fingerprint": "fp_bench",
        "choices": choices,
        "usage": used,
    }
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def choice(delta: dict[str, object], finish_reason: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
