"""Streams, both ways: exactly the official order of events, and nothing lost however a vendor bends it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from tests.anthropic_schema import validate

from pronghorn.convert import opaque
from pronghorn.convert.events import (
    Cited,
    Closed,
    Collector,
    Counted,
    Ended,
    Event,
    Finished,
    Grew,
    Opened,
    Signed,
    Started,
    replay,
)
from pronghorn.convert.messages import dialect
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Foreign,
    Media,
    Part,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.kit import sse
from pronghorn.wire.usage import Usage

Json = dict[str, Any]
OURS = Signature("messages", "s")


def read(*given: Json) -> list[Event]:
    reader = dialect.reader()
    events = [event for item in given for event in reader.feed(msgspec.json.encode(item))]
    return events + reader.end()


def whole(events: Iterable[Event]) -> Reply:
    collector = Collector()
    collector.take(events)
    assert collector.is_ended
    return collector.reply


def block(index: int, start: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def stream(*blocks: list[Json], reason: str = "end_turn") -> list[Json]:
    usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "output_tokens": 1, "service_tier": "priority"}
    return [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": [], "usage": usage}},
        {"type": "ping"},
        *(event for events in blocks for event in events),
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 5, "cache_read_input_tokens": None},
        },
        {"type": "message_stop"},
    ]


TEXT = {"type": "text", "text": ""}
THINKING = {"type": "thinking", "thinking": "", "signature": ""}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
DIRECT = {"caller": {"type": "direct"}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}} | DIRECT
RESULTS = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []} | DIRECT
WEB = {
    "type": "web_search_result_location",
    "cited_text": "c",
    "encrypted_index": "e",
    "title": "T",
    "url": "https://a",
}


def grows(words: str) -> Json:
    return {"type": "text_delta", "text": words}


def thinks(words: str) -> Json:
    return {"type": "thinking_delta", "thinking": words}


def signs(data: str) -> Json:
    return {"type": "signature_delta", "signature": data}


def fills(piece: str) -> Json:
    return {"type": "input_json_delta", "partial_json": piece}


# Reading.


def test_a_stream_is_read_event_by_event() -> None:
    given = stream(
        block(0, THINKING, thinks("t"), thinks("u"), signs("s")),
        block(1, TEXT, grows("Hi"), grows(" you"), {"type": "citations_delta", "citation": WEB}),
        block(2, TOOL, fills(""), fills('{"a"'), fills(":1}")),
        reason="tool_use",
    )
    assert read(*given) == [
        Started("msg_1", "m", service_tier="priority"),
        Counted(Usage(20, 1, 8)),
        Opened(Thinking()),
        Grew("t"),
        Grew("u"),
        Signed(OURS),
        Closed(),
        Opened(Text("")),
        Grew("Hi"),
        Grew(" you"),
        Cited(Citation("https://a", "T", "c", origin="messages", raw=WEB)),
        Closed(),
        Opened(ToolCall("toolu_1", "f")),
        Grew('{"a"'),
        Grew(":1}"),
        Closed(),
        Finished("tool_calls"),
        Counted(Usage(20, 5, 8)),
        Ended(),
    ]


@pytest.mark.parametrize(
    ("events", "parts"),
    [
        (block(0, TOOL), [ToolCall("toolu_1", "f", "{}")]),
        (block(0, TOOL, fills("")), [ToolCall("toolu_1", "f", "{}")]),
        (block(0, TOOL | {"input": {"a": 1}}), [ToolCall("toolu_1", "f", '{"a":1}')]),
        (block(0, TOOL | {"input": ""}, fills('{"a":1}')), [ToolCall("toolu_1", "f", '{"a":1}')]),
        (block(0, THINKING, signs("s")), [Thinking("", OURS)]),
        (block(0, {"type": "thinking", "thinking": "t", "signature": "s"}), [Thinking("t", OURS)]),
        (block(0, {"type": "redacted_thinking", "data": "s"}), [Thinking(signature=OURS, is_redacted=True)]),
        (block(0, {"type": "text"}, grows("a")), [Text("a")]),
        (block(0, {"type": "text", "text": "a"}, grows("b")), [Text("ab")]),
        (
            [*block(0, SEARCH, fills('{"query":'), fills('"q"}')), *block(1, RESULTS)],
            [Foreign("messages", SEARCH | {"input": {"query": "q"}}), Foreign("messages", RESULTS)],
        ),
        (block(0, TEXT)[:1] + block(1, TEXT, grows("a")), [Text(""), Text("a")]),
        (block(0, TEXT, grows("a"))[:-1], [Text("a")]),
        (block(0, TEXT, grows("a"))[1:], [Text("a")]),
        (block(0, THINKING, thinks("a"))[1:], [Thinking("a")]),
        (block(0, TEXT, fills("a"), thinks("b"), signs("c"), {"type": "of_tomorrow"}), [Text("")]),
    ],
)
def test_blocks_as_vendors_bend_them(events: list[Json], parts: list[Part]) -> None:
    assert whole(read(*stream(events))).choices[0].parts == parts


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[DONE]",
        b"null",
        b"[]",
        b"{}",
        b'{"type":5}',
        b'{"type":"ping"}',
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        b'{"type":"message_start"}',
        b'{"type":"content_block_start","index":0}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta"}}',
        b'{"type":"content_block_stop","index":0}',
        b'{"type":"of_tomorrow"}',
        pytest.param(b'{"type":"message_delta","delta":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep"),
    ],
)
def test_what_makes_no_sense_gives_nothing(payload: bytes) -> None:
    assert dialect.reader().feed(payload) == []


@pytest.mark.parametrize("cut", range(9))
def test_a_stream_that_was_cut_has_no_end(cut: int) -> None:
    given = stream(block(0, TEXT, grows("a")), block(1, TEXT))[:cut]
    assert not any(isinstance(event, Ended) for event in read(*given))


# Writing.


def written(events: Iterable[Event], model: str = "asked") -> list[Json]:
    writer = dialect.writer(Turn(model=model))
    out = b"".join(writer.write([event]) for event in events)
    splitter = sse.Splitter()
    found = []
    for raw in splitter.feed(out):
        name, data = raw.split(b"\n", 1)
        event = msgspec.json.decode(sse.data_of(data) or b"")
        assert name == b"event: " + event["type"].encode()
        validate("StreamEvent", event)
        found.append(event)
    assert splitter.end() == b""
    return found


def test_a_stream_is_written_in_the_official_order() -> None:
    usage = Usage(20, 5, 8, 2, 1, reasoning=3)
    reply = Reply(
        "chatcmpl-1",
        "m",
        [
            Choice(
                [Thinking("tu", OURS), Text("Hi"), ToolCall("a", "f", '{"a":1}'), ToolCall("b", "g")],
                "tool_calls",
            )
        ],
        usage,
        service_tier="default",
    )
    text, call = TEXT | {"citations": None}, DIRECT | {"input": {}}
    found = written(replay(reply, 1))
    start = found[0]["message"]
    assert start["id"] == "msg_chatcmpl-1"
    assert (start["usage"]["input_tokens"], start["usage"]["service_tier"]) == (0, "standard")
    assert found[1:] == [
        {"type": "ping"},
        *block(0, THINKING, thinks("t"), thinks("u"), signs("s")),
        *block(1, text, grows("H"), grows("i")),
        *block(
            2,
            {"type": "tool_use", "id": "a", "name": "f"} | call,
            *(fills(character) for character in '{"a":1}'),
        ),
        *block(3, {"type": "tool_use", "id": "b", "name": "g"} | call, fills("{}")),
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "tool_use",
                "stop_sequence": None,
                "stop_details": None,
                "container": None,
            },
            "usage": {
                "input_tokens": 9,
                "cache_creation_input_tokens": 3,
                "cache_read_input_tokens": 8,
                "output_tokens": 5,
                "output_tokens_details": {"thinking_tokens": 3},
                "server_tool_use": None,
            },
        },
        {"type": "message_stop"},
    ]


def test_nothing_ends_before_the_end() -> None:
    events = list(replay(Reply("a", "m", [Choice([Text("Hi")])], Usage(1, 1))))
    assert not {event["type"] for event in written(events[:-1])} & {"message_delta", "message_stop"}


def test_what_has_no_words_here_leaves_no_gap() -> None:
    reply = Reply(
        "a",
        "",
        [
            Choice(
                [
                    Foreign("responses", {"type": "x"}),
                    Media("audio", "audio/wav", "aaaa"),
                    Thinking(is_redacted=True),
                    Media("image", "image/png", "aaaa"),
                    Refusal("No."),
                    ToolCall("b", "f", "run it", is_custom=True),
                ]
            ),
            Choice([Text("second")]),
        ],
    )
    found = written(replay(reply))
    assert found[0]["message"]["model"] == "asked"
    assert [event["index"] for event in found if event["type"] == "content_block_start"] == [0, 1, 2]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert deltas == [
        grows("![image](data:image/png;base64,aaaa)"),
        grows("No."),
        fills('{"input":"run it"}'),
    ]
    assert found[-2]["delta"]["stop_reason"] == "refusal"


def test_a_citation_of_another_vendor_quotes_what_it_stands_behind() -> None:
    text = Text("The sky", [Citation("https://a", "T", start=4, end=7), Citation(title="no address")])
    deltas = [event.get("delta") for event in written(replay(Reply("a", "m", [Choice([text])]), 3))]
    cited = WEB | {"cited_text": "sky", "encrypted_index": ""}
    assert [delta for delta in deltas if delta and delta.get("type") == "citations_delta"] == [
        {"type": "citations_delta", "citation": cited}
    ]


PARTS: list[list[Part]] = [
    [],
    [Text("Hi"), Text("you")],
    [Text("")],
    [Text("a", [Citation("https://a", "T", "c", origin="messages", raw=WEB)])],
    [Thinking("t", OURS), Text("a")],
    [Thinking("", OURS), Thinking("t"), Thinking("t", Signature("responses", "e"))],
    [
        Thinking(signature=OURS, is_redacted=True),
        Thinking(signature=Signature("responses", "e"), is_redacted=True),
    ],
    [ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"a":"é"}', signature=Signature("generate", "g"))],
    [Foreign("messages", SEARCH | {"input": {"query": "q"}}), Foreign("messages", RESULTS), Text("a")],
    [Thinking("", Signature("generate", "g"))],
]


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("parts", PARTS)
def test_what_is_written_is_read_again(parts: list[Part], size: int) -> None:
    finish = "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "stop"
    reply = Reply("msg_1", "m", [Choice(parts, finish)], Usage(3, 4), service_tier="default")  # type: ignore[arg-type]
    assert whole(read(*written(replay(reply, size)))) == reply


def test_a_signature_that_waits_is_told_at_the_end_of_a_stream_without_a_reason() -> None:
    theirs = Signature("generate", "g")
    given = stream(block(0, THINKING, signs(opaque.wrap(theirs, "messages"))))
    del given[-2]
    assert whole(read(*given)).choices[0].parts == [Thinking("", theirs)]


def test_a_texts_late_signature_goes_before_what_follows() -> None:
    theirs, call = Signature("generate", "g"), ToolCall("c", "f", "{}", signature=Signature("generate", "h"))
    reply = Reply("msg_1", "m", [Choice([Text("Hi", signature=theirs), call])])
    found = whole(read(*written(replay(reply))))
    assert found.choices[0].parts[:2] == [Text("Hi"), Thinking("", theirs)]


def test_a_text_that_ends_the_answer_stays_its_last_block() -> None:
    """Where clients look for the answer."""
    reply = Reply("msg_1", "m", [Choice([Text("Hi", signature=Signature("generate", "g"))])])
    assert whole(read(*written(replay(reply)))).choices[0].parts == [Text("Hi")]
