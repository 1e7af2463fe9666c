"""Streamed answers event by event: content, the end, what is only meant for us, and errors inside."""

from typing import Any

import msgspec
import pytest

from pronghorn.errors import UpstreamError
from pronghorn.kit import sse
from pronghorn.relay.streams import CompletionReader, EventReader
from pronghorn.wire.usage import Usage

DONE = b"data: [DONE]\n\n"


def event(payload: Any) -> bytes:
    return b"data: " + msgspec.json.encode(payload) + b"\n\n"


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return event(
        {"id": "c", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}], "usage": None}
    )


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
USAGE_CHUNK = event({"id": "c", "choices": [], "usage": USAGE})
CHAT = [
    delta(role="assistant", content="", refusal=None),
    delta(content="Hel"),
    delta(content="lo"),
    delta("stop"),
    USAGE_CHUNK,
    DONE,
]


def test_a_chat_from_its_beginning_to_its_end() -> None:
    reader = CompletionReader()
    seen = []
    for raw in CHAT:
        assert reader.read(raw)
        seen.append((reader.has_content, reader.is_ended))
    assert seen == [(False, False)] + [(True, False)] * 4 + [(True, True)]
    assert (reader.text(), reader.finish, reader.usage) == ("Hello", "stop", Usage(input=9, output=4))
    assert reader.stops_there


@pytest.mark.parametrize("hides", [True, False])
def test_the_usage_chunk_is_hidden_if_and_only_if_the_caller_did_not_ask(hides: bool) -> None:
    reader = CompletionReader()
    reader.hides_usage = hides
    assert [reader.read(raw) for raw in CHAT] == [True, True, True, True, not hides, True]
    assert reader.usage == Usage(input=9, output=4)


def test_usage_in_the_finish_chunk_hides_nothing() -> None:
    reader = CompletionReader()
    reader.hides_usage = True
    chunk = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}
    assert reader.read(event(chunk))
    assert (reader.usage, reader.finish) == (Usage(input=9, output=4), "stop")


def test_other_chunks_without_choices_are_shown() -> None:
    reader = CompletionReader()
    reader.hides_usage = True
    for usage in ({}, {"usage": None}):
        assert reader.read(event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}], **usage}))
    assert not reader.has_content


def test_cumulative_usage_is_not_summed() -> None:
    reader = CompletionReader()
    for count in (1, 2, 3):
        usage = {"prompt_tokens": 7, "completion_tokens": count}
        reader.read(event({"choices": [{"delta": {"content": "x"}}], "usage": usage}))
    assert reader.usage == Usage(input=7, output=3)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage(10, 5, cache_read=4)),
        ({"prompt_tokens": 0, "completion_tokens": 7}, Usage(10, 7, cache_read=4)),
        ({"prompt_tokens": 9, "completion_tokens": 7}, Usage(9, 7)),
    ],
)
def test_zeros_never_replace_a_count(last: dict[str, int], expected: Usage) -> None:
    reader = CompletionReader()
    cached = {"prompt_tokens_details": {"cached_tokens": 4}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, **cached}
    reader.read(event({"choices": [{"delta": {"content": "x"}}], "usage": usage}))
    reader.read(event({"choices": [], "usage": last}))
    assert reader.usage == expected


def test_absurd_usage_is_no_usage_and_ends_nothing() -> None:
    reader = CompletionReader()
    reader.read(delta(content="x"))
    absurd: Any
    for absurd in ("many", {"prompt_tokens": -5}, {"prompt_tokens": 10**30}, []):
        reader.read(event({"choices": [], "usage": absurd}))
    reader.read(DONE)
    assert (reader.usage, reader.is_ended, reader.text()) == (None, True, "x")


@pytest.mark.parametrize(
    ("fields", "has_content", "text"),
    [
        ({"role": "assistant", "content": ""}, False, ""),
        ({"role": "assistant", "content": None}, False, ""),
        ({}, False, ""),
        ({"content": " "}, True, " "),
        ({"reasoning_content": "hm"}, True, "hm"),
        ({"content": None, "reasoning": "hm"}, True, "hm"),
        ({"refusal": "no"}, True, "no"),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}, True, "f"),
        ({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}, True, ""),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}, True, '{"a":'),
        ({"function_call": {"name": "f"}}, True, ""),
        ({"audio": {"data": "AAAA"}}, True, ""),
        ({"images": [{"image_url": {}}]}, True, "![]()"),
    ],
)
def test_what_counts_as_content(fields: dict[str, Any], has_content: bool, text: str) -> None:
    reader = CompletionReader()
    assert reader.read(delta(**fields))
    assert (reader.has_content, reader.text()) == (has_content, text)


def test_tool_calls_only() -> None:
    reader = CompletionReader()
    parts = ['{"city":', '"Oslo"}']
    reader.read(delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "weather", "arguments": ""}}]))
    for part in parts:
        reader.read(delta(tool_calls=[{"index": 0, "function": {"arguments": part}}]))
    reader.read(delta("tool_calls"))
    reader.read(DONE)
    assert (reader.text(), reader.finish) == ('weather{"city":"Oslo"}', "tool_calls")


def test_a_text_completion() -> None:
    reader = CompletionReader()
    reader.read(event({"choices": [{"text": "once ", "finish_reason": None}]}))
    reader.read(event({"choices": [{"text": "upon", "finish_reason": "length"}]}))
    assert (reader.text(), reader.finish) == ("once upon", "length")


def test_interleaved_choices_all_count() -> None:
    reader = CompletionReader()
    reader.read(event({"choices": [{"index": 1, "delta": {"content": "b"}}]}))
    reader.read(event({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}))
    assert reader.text() == "ba"


@pytest.mark.parametrize(
    "raw",
    [b": PING\n\n", b": OPENROUTER PROCESSING\n\n", b"event: ping\n\n", b"\n\n", b"data:\n\n", b"id: 5\n\n"],
)
@pytest.mark.parametrize("reader", [CompletionReader, EventReader])
def test_comments_and_pings_are_shown_and_mean_nothing(
    reader: type[CompletionReader] | type[EventReader], raw: bytes
) -> None:
    made = reader()
    assert made.read(raw)
    assert (made.has_content, made.is_ended, made.usage) == (False, False, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"data:[DONE]\n\n",
        b"data: [DONE] \n\n",
        b"data: [DONE]\r\n\r\n",
        b"event: x\ndata: [DONE]\n\n",
    ],
)
def test_the_end_in_all_its_spellings(raw: bytes) -> None:
    reader = CompletionReader()
    reader.read(raw)
    assert reader.is_ended


BAD = [
    b"data: <html>\n\n",
    b'data: {"choices":\n\n',
    b"data: []\n\n",
    b'data: "text"\n\n',
    b"data: " + b"[" * 100_000 + b"\n\n",
    b'data: {"error":{"message":"overloaded"}}\n\n',
    b'event: error\ndata: {"error":{"message":"x"}}\n\n',
]


@pytest.mark.parametrize(
    "raw",
    [
        *BAD,
        b'data: {"error":"text","choices":[]}\n\n',
        b'event: error\ndata: {"message":"overloaded"}\n\n',
        b'id: 1\r\nevent:error\r\ndata: {"code":500}\r\n\r\n',
        delta("error"),
        delta("network_error", content="y"),
        delta("insufficient_system_resource"),
    ],
)
def test_errors_and_nonsense_inside_a_chat_raise(raw: bytes) -> None:
    reader = CompletionReader()
    reader.read(delta(content="x"))
    with pytest.raises(UpstreamError):
        reader.read(raw)
    assert (reader.text(), reader.is_ended) == ("x", False)


@pytest.mark.parametrize("raw", [*BAD, b'data: {"type":"error","message":"x"}\n\n'])
def test_errors_and_nonsense_inside_events_raise(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        EventReader().read(raw)


def test_an_error_that_is_null_is_none() -> None:
    reader = EventReader()
    assert reader.read(event({"type": "transcript.text.delta", "delta": "hi", "error": None}))
    assert reader.text() == "hi"


def test_pictures() -> None:
    reader = EventReader()
    kind = "image_generation"
    assert reader.read(event({"type": f"{kind}.partial_image", "b64_json": "AA", "partial_image_index": 0}))
    assert (reader.has_content, reader.is_ended) == (True, False)
    usage = {"input_tokens": 50, "output_tokens": 1056, "input_tokens_details": {"text_tokens": 50}}
    assert reader.read(event({"type": f"{kind}.completed", "b64_json": "BB", "usage": usage}))
    assert (reader.is_ended, reader.stops_there, reader.finish) == (True, False, "stop")
    assert reader.usage == Usage(input=50, output=1056, image_output=1056, images=1)
    reader.read(event({"type": f"{kind}.partial_image", "b64_json": "CC"}))  # partials may come after
    reader.read(DONE)
    assert reader.usage is not None
    assert reader.usage.images == 1


def test_edited_pictures_without_usage_are_counted() -> None:
    reader = EventReader()
    for _ in range(2):
        reader.read(event({"type": "image_edit.completed", "b64_json": "BB"}))
    assert reader.usage == Usage(images=2)


def test_pictures_of_a_sequence_are_counted_as_they_come() -> None:
    reader = EventReader()
    kind = "image_generation"
    assert reader.read(event({"type": f"{kind}.partial_failed", "image_index": 0, "error": {"code": "Risk"}}))
    assert not reader.has_content
    for number in (1, 2):
        assert reader.read(event({"type": f"{kind}.partial_succeeded", "image_index": number, "url": "u"}))
        assert reader.usage == Usage(images=number)
    usage = {"generated_images": 2, "output_tokens": 8192, "total_tokens": 8192}
    reader.read(event({"type": f"{kind}.completed", "usage": usage}))
    assert reader.is_ended
    assert reader.usage == Usage(output=8192, image_output=8192, images=2)


def test_a_sequence_of_which_every_picture_failed_is_empty() -> None:
    reader = EventReader()
    kind = "image_generation"
    reader.read(event({"type": f"{kind}.partial_failed", "error": {"code": "Risk"}}))
    reader.read(event({"type": f"{kind}.completed", "usage": {"generated_images": 0, "output_tokens": 0}}))
    assert (reader.is_ended, reader.has_content, reader.usage) == (True, False, Usage())


def test_a_transcript() -> None:
    reader = EventReader()
    for part in ("Hel", "lo"):
        reader.read(event({"type": "transcript.text.delta", "delta": part}))
    assert not reader.is_ended
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "output_tokens": 2,
        "input_token_details": {"audio_tokens": 14},
    }
    reader.read(event({"type": "transcript.text.done", "text": "Hello", "usage": usage}))
    assert (reader.is_ended, reader.text()) == (True, "Hello")
    assert reader.usage == Usage(input=14, output=2, audio_input=14)


def test_speech() -> None:
    reader = EventReader()
    reader.read(event({"type": "speech.audio.delta", "audio": "AAAA"}))
    assert (reader.has_content, reader.text()) == (True, "")
    reader.read(event({"type": "speech.audio.done", "usage": {"input_tokens": 5, "output_tokens": 90}}))
    assert (reader.is_ended, reader.usage) == (True, Usage(input=5, output=90))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_cut_at_every_byte_reads_the_same(line_end: bytes) -> None:
    stream = b"".join(CHAT).replace(b"\n", line_end)
    for cut in range(0, len(stream) + 1, 7):
        reader, splitter = CompletionReader(), sse.Splitter()
        for raw in splitter.feed(stream[:cut]) + splitter.feed(stream[cut:]):
            reader.read(raw)
        if rest := splitter.end():
            reader.read(rest)
        assert (reader.text(), reader.finish, reader.is_ended) == ("Hello", "stop", True)
        assert reader.usage == Usage(input=9, output=4)
