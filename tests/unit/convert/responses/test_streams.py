"""Streams of Responses: each event in its order and valid, and what other servers leave out or mix is understood."""

from typing import Any

import msgspec
import pytest
from tests import openapi_schema

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
from pronghorn.convert.opaque import wrap
from pronghorn.convert.responses import dialect
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
    Foreign,
    Json,
    Logprob,
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

PNG = "iVBORw0KGgo="
ANTHROPIC, GOOGLE = Signature("messages", "EqQB"), Signature("generate", "g==")
CREATED: Json = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5}}
STARTED = Started("resp_1", "m", 5)


def write(*parts: Part, finish: Finish = "stop", size: int = 0, judged: bool = True) -> list[Json]:
    reply = Reply("resp_a", "m", [Choice(list(parts), finish)], Usage(input=3, output=2), 5)
    return decode(dialect.writer(Turn()).write(list(replay(reply, size))), judged=judged)


def decode(stream: bytes, *, judged: bool = True) -> list[Json]:
    """The events; each is valid, names itself twice and has its number."""
    found = []
    for number, raw in enumerate(sse.Splitter().feed(stream)):
        data = sse.data_of(raw)
        assert data is not None
        event: Json = msgspec.json.decode(data)
        assert raw.startswith(b"event: %b\n" % event["type"].encode())
        assert event["sequence_number"] == number
        found.append(event)
    for event in msgspec.json.decode(msgspec.json.encode(found)) if judged else ():
        counts = event.get("response", {}).get("usage", {"input_tokens_details": {}})
        counts["input_tokens_details"].pop("cache_write_tokens", None)  # newer than the document
        openapi_schema.validate("ResponseStreamEvent", event)
    return found


def told(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def read(*events: Json, is_ended: bool = True) -> list[Event]:
    """Without the start."""
    reader = dialect.reader()
    end: list[Json] = (
        [{"type": "response.completed", "response": {"status": "completed"}}] if is_ended else []
    )
    found = [
        made for event in [CREATED, *events, *end] for made in reader.feed(msgspec.json.encode(event))
    ] + reader.end()
    assert found[0] == STARTED
    return found[1:]


def whole(*events: Json) -> Choice:
    collector = Collector()
    collector.take(read(*events))
    assert collector.is_ended
    return collector.reply.choices[0]


def added(index: int, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(kind: str, index: int, text: str, **members: Any) -> Json:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": text} | members


def call(call_id: str, arguments: str) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": "f",
        "arguments": arguments,
    }


def message(*texts: str) -> Json:
    return {
        "type": "message",
        "id": "msg_1",
        "content": [{"type": "output_text", "text": text} for text in texts],
    }


# Written.


def test_a_text_is_told_in_the_order_of_openai() -> None:
    events = write(Text("Hello", [Citation("https://x", "T", start=0, end=5)]), size=3)
    assert told(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    place = {"item_id": "msg_a_0", "output_index": 0, "content_index": 0}
    for event in events[3:9]:
        assert event | place == event
    assert [event["delta"] for event in events[4:6]] == ["Hel", "lo"]
    assert events[7]["text"] == "Hello"
    assert events[0]["response"]["status"] == "in_progress"
    assert events[-1]["response"]["output"] == [events[-2]["item"]]
    assert events[-1]["response"]["usage"]["total_tokens"] == 5


def test_thinking_is_told_as_a_summary_with_its_proof_at_the_end() -> None:
    events = write(Thinking("hm", ANTHROPIC))
    assert told(events)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert events[-2]["item"] == {
        "id": "rs_a_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": wrap(ANTHROPIC, "responses"),
    }


def test_calls_are_told_with_their_names() -> None:
    events = write(ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "free", True), size=4)
    assert told(events)[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[2]["item"]["arguments"] == ""
    assert (events[5]["name"], events[5]["arguments"]) == ("f", '{"a":1}')
    assert [event["output_index"] for event in events[2:-1]] == [0] * 5 + [1] * 4


def test_a_call_without_arguments_has_an_empty_object() -> None:
    events = write(ToolCall("c1", "f"))
    assert [event["arguments"] for event in events if event["type"].endswith("arguments.done")] == ["{}"]
    assert events[-2]["item"]["arguments"] == "{}"


def test_texts_and_refusals_in_a_row_are_one_message() -> None:
    events = write(Text("a"), Refusal("no"), ToolCall("c", "f", "{}"), Text("b"))
    kinds = told(events)
    assert kinds.count("output_item.added") == kinds.count("output_item.done") == 3
    assert "refusal.done" in kinds
    assert [part["type"] for part in events[-1]["response"]["output"][0]["content"]] == [
        "output_text",
        "refusal",
    ]
    assert [event["content_index"] for event in events if "content_part.added" in event["type"]] == [0, 1, 0]


def test_pictures_sounds_and_own_foreign_parts_are_told() -> None:
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    events = write(
        Foreign("responses", search),
        Foreign("messages", {"type": "server_tool_use"}),
        Media("image", "image/png", PNG),
        Media("audio", "audio/wav", "UklGRg==", transcript="hey"),
    )
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["web_search_call", "image_generation_call", "message"]
    assert output[1]["result"] == PNG
    assert output[2]["content"][0]["text"] == "hey"


def test_a_text_that_is_signed_late_is_followed_by_its_proof() -> None:
    events = write(Text("a", signature=GOOGLE), Text("b"))
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "reasoning", "message"]
    again = dialect.read_request({"input": output})
    assert [part for part in again.messages[0].parts if isinstance(part, Text)] == [
        Text("a", signature=GOOGLE, at="$.input[0].content[0]"),
        Text("b", at="$.input[2].content[0]"),
    ]


@pytest.mark.parametrize(
    ("finish", "end"),
    [
        ("length", "response.incomplete"),
        ("content_filter", "response.incomplete"),
        ("error", "response.failed"),
        ("tool_calls", "response.completed"),
    ],
)
def test_the_end_says_why(finish: Finish, end: str) -> None:
    for last in (Text("a"), ToolCall("c", "f", '{"a":"b')):
        events = write(ToolCall("b", "f", "{}"), last, finish=finish)
        assert events[-1]["type"] == end
        status = "incomplete" if "incomplete" in end else "completed"
        assert [item["status"] for item in events[-1]["response"]["output"]] == ["completed", status]
        assert events[-2]["item"]["status"] == status


def test_log_probabilities_come_with_their_piece() -> None:
    reply = Reply("resp_a", "m", [Choice([Text("a")], logprobs=[Logprob("a", -1.0, [97])])])
    events = decode(dialect.writer(Turn()).write(list(replay(reply))))
    plain = {"token": "a", "logprob": -1.0, "top_logprobs": []}
    assert [event["logprobs"] for event in events if "output_text" in event["type"]] == [[plain], [plain]]
    content = events[-1]["response"]["output"][0]["content"][0]
    assert content["logprobs"] == [plain | {"bytes": [97]}]


def test_there_is_no_end_before_the_end_and_only_the_first_choice_is_told() -> None:
    writer = dialect.writer(Turn())
    stream = writer.write(
        [Started("a", "m"), Opened(Text("")), Grew("x"), Opened(Text("y"), 1), Grew("z", 1), Closed(1)]
    )
    stream += writer.write([Closed(), Finished("stop"), Finished("length", 1), Counted(Usage())])
    assert told(decode(stream, judged=False))[-1] == "content_part.done"
    stream += writer.write([Ended()])
    assert told(decode(stream, judged=False))[-2:] == ["output_item.done", "completed"]


@pytest.mark.parametrize("cut", range(20))
def test_events_may_be_written_in_any_portions(cut: int) -> None:
    parts: list[Part] = [Thinking("hm", ANTHROPIC), Text("Hello"), ToolCall("c", "f", "{}")]
    events = list(replay(Reply("resp_a", "m", [Choice(parts, "tool_calls")]), 2))
    writer = dialect.writer(Turn())
    assert writer.write(events[:cut]) + writer.write(events[cut:]) == dialect.writer(Turn()).write(events)


# Read.


def test_a_stream_is_read_as_it_comes() -> None:
    annotation = {"type": "url_citation", "url": "https://x", "title": "T", "start_index": 0, "end_index": 1}
    entry = {"token": "a", "logprob": -1.0, "top_logprobs": []}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    found = read(
        {"type": "response.in_progress", "response": {}},
        added(0, {"type": "message", "id": "msg_1", "content": []}),
        {
            "type": "response.content_part.added",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "output_text", "text": ""},
        },
        delta("output_text", 0, "a", content_index=0, logprobs=[entry]),
        delta("output_text", 0, "b", content_index=0, logprobs=[]),
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": annotation},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "ab"},
        {
            "type": "response.content_part.done",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "output_text", "text": "ab", "annotations": [annotation]},
        },
        done(0, message("ab")),
        {"type": "response.completed", "response": {"status": "completed", "usage": usage}},
    )
    assert found == [
        Opened(Text("")),
        Grew("a", 0, [Logprob("a", -1.0)]),
        Grew("b"),
        Cited(Citation("https://x", "T", start=0, end=1)),
        Closed(),
        Finished("stop"),
        Counted(Usage(input=3, output=2)),
        Ended(),
    ]


def test_a_call_streams_live() -> None:
    assert read(
        added(0, call("c", "")),
        delta("function_call_arguments", 0, '{"a"'),
        delta("function_call_arguments", 0, ":1}"),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'},
        done(0, call("c", '{"a":1}')),
    ) == [
        Opened(ToolCall("c", "f")),
        Grew('{"a"'),
        Grew(":1}"),
        Closed(),
        Finished("tool_calls"),
        Ended(),
    ]


def test_parts_of_a_summary_are_one_thinking_with_its_proof() -> None:
    summary = [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"}
    assert read(
        added(0, {"type": "reasoning", "id": "rs_1", "summary": []}),
        delta("reasoning_summary_text", 0, "one", summary_index=0),
        {
            "type": "response.reasoning_summary_text.done",
            "output_index": 0,
            "summary_index": 0,
            "text": "one",
        },
        delta("reasoning_summary_text", 0, "t", summary_index=1),
        {
            "type": "response.reasoning_summary_text.done",
            "output_index": 0,
            "summary_index": 1,
            "text": "two",
        },
        done(0, item),
    )[:-2] == [
        Opened(Thinking(id="rs_1")),
        Grew("one"),
        Grew("\n\n"),
        Grew("t"),
        Grew("wo"),
        Signed(Signature("responses", "rs_1\ngAAA")),
        Closed(),
    ]


def test_hidden_reasoning_is_its_proof_alone() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    part = Thinking("", Signature("responses", "rs_1\ngAAA"), is_redacted=True, id="rs_1")
    assert read(added(0, item), done(0, item))[:-2] == [Opened(part), Closed()]
    assert read(added(0, item), done(0, {"type": "reasoning", "id": "rs_1", "summary": []}))[:-2] == []


def test_of_reasoning_and_its_summary_the_first_is_told() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    choice = whole(
        delta("reasoning_text", 0, "hm", content_index=0),
        delta("reasoning_summary_text", 0, "short", summary_index=0),
        {
            "type": "response.reasoning_summary_text.done",
            "output_index": 0,
            "summary_index": 0,
            "text": "short",
        },
        done(0, item),
    )
    assert choice.parts == [Thinking("hm")]


@pytest.mark.parametrize(
    "events",
    [
        [done(0, message("ab", "c")), done(1, call("c", "{}"))],
        [{"type": "response.completed", "response": {"output": [message("ab", "c"), call("c", "{}")]}}],
        [
            delta("output_text", 0, "a"),
            done(0, message("ab", "c")),
            added(1, call("c", "")),
            done(1, call("c", "{}")),
        ],
        [
            delta("output_text", 0, "ab", content_index=0),
            {"type": "response.output_text.done", "output_index": 0, "content_index": 1, "text": "c"},
            delta("function_call_arguments", 1, "{"),
            {"type": "response.completed", "response": {"output": [message("ab", "c"), call("c", "{}")]}},
        ],
        [  # no indexes at all
            {"type": "response.output_item.added", "item": message()},
            {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "a"},
            {"type": "response.output_item.done", "item": message("ab", "c")},
            {"type": "response.output_item.done", "item": call("c", "{}")},
        ],
    ],
)
def test_what_the_deltas_left_out_the_whole_ones_tell(events: list[Json]) -> None:
    choice = whole(*events)
    assert choice == Choice([Text("ab"), Text("c"), ToolCall("c", "f", "{}")], "tool_calls")


def test_items_that_interleave_wait_for_their_turn() -> None:
    assert read(
        added(0, call("a", "")),
        added(1, call("b", "")),
        delta("function_call_arguments", 1, '{"b":'),
        delta("function_call_arguments", 0, '{"a":'),
        delta("function_call_arguments", 1, "2}"),
        done(1, call("b", '{"b":2}')),
        delta("function_call_arguments", 0, "1}"),
        done(0, call("a", '{"a":1}')),
    ) == [
        Opened(ToolCall("a", "f")),
        Grew('{"a":'),
        Grew("1}"),
        Closed(),
        Opened(ToolCall("b", "f")),
        Grew('{"b":'),
        Grew("2}"),
        Closed(),
        Finished("tool_calls"),
        Ended(),
    ]


def test_hosted_items_are_foreign_and_pictures_are_pictures() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    picture = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG}
    assert whole(
        added(0, search | {"status": "in_progress"}),
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
        done(0, search),
        done(1, picture),
    ).parts == [Foreign("responses", search), Media("image", "image/png", PNG)]


def test_a_signature_in_an_item_of_its_own_is_the_next_calls() -> None:
    proof = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": wrap(GOOGLE, "responses")}
    signed = ToolCall("c", "f", "{}", signature=GOOGLE)
    assert whole(done(0, proof), added(1, call("c", "")), done(1, call("c", "{}"))).parts == [signed]
    assert whole(done(0, proof)).parts == [Text("", signature=GOOGLE)]


@pytest.mark.parametrize(
    ("end", "finish"),
    [
        ({"type": "response.incomplete", "response": {}}, "length"),
        (
            {
                "type": "response.incomplete",
                "response": {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            },
            "content_filter",
        ),
        ({"type": "response.completed", "response": {}}, "stop"),
    ],
)
def test_the_end_is_read(end: Json, finish: Finish) -> None:
    assert read(delta("output_text", 0, "a"), end, is_ended=False)[2:] == [
        Closed(),
        Finished(finish),
        Ended(),
    ]


def test_a_failure_is_no_end() -> None:
    failure = {"code": "server_error", "message": "x"}
    response = {"status": "failed", "error": failure, "usage": {"input_tokens": 3, "output_tokens": 2}}
    found = read(delta("output_text", 0, "a"), {"type": "response.failed", "response": response})
    assert found[2:] == [Closed(), Finished("error", detail=failure), Counted(Usage(input=3, output=2))]


def test_a_cut_stream_has_no_end() -> None:
    assert read(added(0, call("c", "")), delta("function_call_arguments", 0, "{"), is_ended=False) == [
        Opened(ToolCall("c", "f")),
        Grew("{"),
        Closed(),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[DONE]",
        b"{",
        b"\xff",
        b"[]",
        b'"x"',
        b"{}",
        b'{"type":5}',
        b'{"type":"error","message":"x"}',
        b'{"type":"ping"}',
    ],
)
def test_what_makes_no_sense_gives_nothing(data: bytes) -> None:
    assert dialect.reader().feed(data) == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta"},
        {"type": "response.output_text.delta", "delta": 5},
        {"type": "response.output_item.added"},
        {"type": "response.output_item.done", "item": {"type": "function_call"}},
        {"type": "response.output_item.done", "item": {"type": "message", "content": [5, {"type": 5}]}},
        {"type": "response.output_item.done", "item": {"type": "message", "content": 5}},
        {"type": "response.output_item.done", "item": {"type": "reasoning", "summary": [5]}},
        {"type": "response.content_part.done", "part": {"type": "output_text"}},
        {"type": "response.output_text.annotation.added", "annotation": 5},
        {"type": "response.function_call_arguments.delta", "delta": "{"},
        {"type": "response.completed", "response": {"output": [5, None]}},
        {"type": "response.completed"},
        {"type": "response.brand_new", "output_index": "x"},
    ],
)
def test_broken_events_break_nothing(event: Json) -> None:
    reader = dialect.reader()
    for data in (CREATED, event, {"type": "response.completed", "response": {}}):
        reader.feed(msgspec.json.encode(data))
    reader.end()
