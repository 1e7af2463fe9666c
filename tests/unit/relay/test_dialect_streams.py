"""Streams of the other dialects, event by event: content, usage, the end, and errors inside."""

from typing import Any

import msgspec
import pytest

from pronghorn.errors import UpstreamError
from pronghorn.relay.streams import GenerateReader, MessagesReader, ResponsesReader, StreamReader
from pronghorn.wire.usage import Usage

Json = dict[str, Any]


def event(payload: Json) -> bytes:
    name = b"event: %b\n" % payload["type"].encode() if "type" in payload else b""
    return name + b"data: " + msgspec.json.encode(payload) + b"\n\n"


def message_start(**usage: Any) -> Json:
    return {"type": "message_start", "message": {"type": "message", "content": [], "usage": usage}}


def block(index: int, **content: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": content}


MESSAGES: list[Json] = [
    message_start(input_tokens=10, cache_read_input_tokens=5, output_tokens=1),
    {"type": "ping"},
    block(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="Hm"),
    {"type": "content_block_stop", "index": 0},
    block(1, type="text", text=""),
    delta(1, type="text_delta", text="Hello"),
    {"type": "content_block_stop", "index": 1},
    block(2, type="tool_use", id="t", name="f", input={}),
    delta(2, type="input_json_delta", partial_json='{"a":1}'),
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
RESPONSES: list[Json] = [
    {"type": "response.created", "response": {"status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
    {"type": "response.output_text.delta", "delta": "Hel"},
    {"type": "response.output_text.delta", "delta": "lo"},
    {
        "type": "response.completed",
        "response": {
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}],
            "usage": {
                "input_tokens": 9,
                "output_tokens": 4,
                "output_tokens_details": {"reasoning_tokens": 1},
            },
        },
    },
]
GENERATE: list[Json] = [
    {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}], "usageMetadata": {"promptTokenCount": 9}},
    {
        "candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
    },
]
CASES: list[tuple[StreamReader, list[Json], str, str, Usage]] = [
    (
        MessagesReader(),
        MESSAGES,
        'HmHellof{"a":1}',
        "tool_calls",
        Usage(input=15, output=7, cache_read=5),
    ),
    (ResponsesReader(), RESPONSES, "Hello", "stop", Usage(input=9, output=4, reasoning=1)),
    (GenerateReader(), GENERATE, "Hello", "stop", Usage(input=9, output=5, reasoning=3)),
]


@pytest.mark.parametrize(("reader", "events", "text", "finish", "usage"), CASES)
def test_a_stream_from_its_beginning_to_its_end(
    reader: StreamReader, events: list[Json], text: str, finish: str, usage: Usage
) -> None:
    for payload in events[:-1]:
        assert reader.read(event(payload))
        assert not reader.is_ended
    assert reader.read(event(events[-1]))
    assert (reader.text(), reader.finish, reader.usage) == (text, finish, usage)
    assert reader.has_content and reader.is_ended


def test_items_of_any_kind_are_in_the_end_of_a_response() -> None:
    reader = ResponsesReader()
    output = [{"type": "tool_search_call", "arguments": {"goal": "x"}}, {"type": "message", "content": "hi"}]
    reader.read(event({"type": "response.output_item.added", "item": output[0]}))
    assert reader.has_content
    reader.read(event({"type": "response.completed", "response": {"status": "completed", "output": output}}))
    assert (reader.is_ended, reader.finish) == (True, "stop")


NO_CONTENT: list[tuple[type, Json]] = [
    (MessagesReader, message_start(input_tokens=1)),
    (MessagesReader, {"type": "ping"}),
    (MessagesReader, block(0, type="text", text="")),
    (MessagesReader, block(0, type="thinking", thinking="")),
    (MessagesReader, {"type": "something_new"}),
    (ResponsesReader, RESPONSES[0]),
    (ResponsesReader, {"type": "response.output_item.added", "item": {"type": "reasoning"}}),
    (ResponsesReader, {"type": "response.something_new"}),
    (GenerateReader, {"candidates": [{"content": {"role": "model"}}]}),
    (GenerateReader, {"usageMetadata": {"promptTokenCount": 3}}),
]


@pytest.mark.parametrize(("kind", "payload"), NO_CONTENT)
def test_what_says_nothing_is_no_content_and_no_end(kind: type, payload: Json) -> None:
    reader = kind()
    assert reader.read(event(payload))
    assert not reader.has_content and not reader.is_ended


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (MessagesReader, block(0, type="tool_use", id="t", name="f", input={})),
        (MessagesReader, block(0, type="server_tool_use", id="t", name="web_search", input={})),
        (ResponsesReader, {"type": "response.output_item.added", "item": {"type": "function_call"}}),
        (ResponsesReader, {"type": "response.refusal.delta", "delta": "no"}),
        (GenerateReader, {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}),
        (GenerateReader, {"candidates": [{"content": {"parts": [{"inlineData": {"data": "x"}}]}}]}),
    ],
)
def test_calls_and_pictures_are_content(kind: type, payload: Json) -> None:
    reader = kind()
    reader.read(event(payload))
    assert reader.has_content


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (MessagesReader, event({"type": "error", "error": {"type": "overloaded_error"}})),
        (MessagesReader, b"data: {broken\n\n"),
        (MessagesReader, b'data: {"no":"type"}\n\n'),
        (ResponsesReader, event({"type": "error", "code": "x", "message": "y"})),
        (ResponsesReader, event({"type": "response.failed", "response": {"status": "failed"}})),
        (ResponsesReader, b"data: <html>\n\n"),
        (GenerateReader, event({"error": {"code": 503}})),
        (GenerateReader, b"data: [1]\n\n"),
        (GenerateReader, event({"neither": 1})),
    ],
)
def test_an_error_or_nonsense_is_never_passed_on(kind: type, raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        kind().read(raw)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("STOP", "stop"), ("SOMETHING_NEW", "stop")],
)
def test_gemini_says_how_it_ended(reason: str, finish: str) -> None:
    reader = GenerateReader()
    reader.read(event({"candidates": [{"finishReason": reason}]}))
    assert (reader.finish, reader.is_ended) == (finish, True)


def test_a_blocked_prompt_is_an_end_without_content() -> None:
    reader = GenerateReader()
    reader.read(event({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert (reader.finish, reader.is_ended, reader.has_content) == ("content_filter", True, False)
