"""A whole answer, both ways: every block, reason to stop and count."""

from typing import Any

import pytest
from tests.anthropic_schema import validate

from pronghorn.convert import opaque
from pronghorn.convert.messages import dialect, unwrap_custom
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
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
from pronghorn.wire.usage import Usage

Json = dict[str, Any]

COUNTS = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 2048,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
    "server_tool_use": None,
    "service_tier": "standard",
    "inference_geo": None,
}
USAGE = Usage(2090, 5, 2048, 10, 20, reasoning=2)
WEB = {
    "type": "web_search_result_location",
    "cited_text": "c",
    "encrypted_index": "e",
    "title": "T",
    "url": "https://a",
}
PLACE = {
    "type": "page_location",
    "cited_text": "c",
    "document_index": 0,
    "document_title": "D",
    "start_page_number": 1,
    "end_page_number": 2,
    "file_id": None,
}
FOUND = {
    "type": "search_result_location",
    "cited_text": "c",
    "source": "https://s",
    "title": "T",
    "search_result_index": 0,
    "start_block_index": 0,
    "end_block_index": 1,
}
SEARCH = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "q"},
    "caller": {"type": "direct"},
}
RESULTS = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [],
    "caller": {"type": "direct"},
}


def message(*content: Json, **fields: Any) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": COUNTS,
    } | fields


def text(words: str, citations: list[Json] | None = None) -> Json:
    return {"type": "text", "text": words, "citations": citations}


def reply(*parts: Part, finish: Finish = "stop", **fields: Any) -> Reply:
    choice = Choice(list(parts), finish, **fields)
    return Reply("msg_1", "claude-sonnet-5-5", [choice], USAGE, service_tier="default")


def tool_use(arguments: Json) -> Json:
    return {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "f",
        "input": arguments,
        "caller": {"type": "direct"},
    }


def write(answer: Reply) -> Json:
    written = dialect.write_reply(answer, Turn(model="asked"))
    validate("Message", written)
    return written


BLOCKS: list[tuple[Json, Part]] = [
    (text("Hi."), Text("Hi.")),
    (text("a", [WEB]), Text("a", [Citation("https://a", "T", "c", origin="messages", raw=WEB)])),
    (text("a", [PLACE]), Text("a", [Citation("", "D", "c", origin="messages", raw=PLACE)])),
    (text("a", [FOUND]), Text("a", [Citation("https://s", "T", "c", origin="messages", raw=FOUND)])),
    (
        {"type": "thinking", "thinking": "t", "signature": "s"},
        Thinking("t", Signature("messages", "s")),
    ),
    ({"type": "thinking", "thinking": "", "signature": "s"}, Thinking("", Signature("messages", "s"))),
    ({"type": "thinking", "thinking": "t", "signature": ""}, Thinking("t")),
    (
        {"type": "redacted_thinking", "data": "d"},
        Thinking(signature=Signature("messages", "d"), is_redacted=True),
    ),
    (SEARCH, Foreign("messages", SEARCH)),
    (RESULTS, Foreign("messages", RESULTS)),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS)
def test_a_block_both_ways(block: Json, part: Part) -> None:
    assert dialect.read_reply(message(block)) == reply(part)
    assert write(reply(part)) == message(block)


def test_calls_both_ways() -> None:
    given = message(
        text("I look."), tool_use({"n": 12345678901234567890}), tool_use({}), stop_reason="tool_use"
    )
    canonical = reply(
        Text("I look."),
        ToolCall("toolu_1", "f", '{"n":12345678901234567890}'),
        ToolCall("toolu_1", "f", "{}"),
        finish="tool_calls",
    )
    assert dialect.read_reply(given) == canonical
    assert write(canonical) == given


DETAILS = {"type": "refusal", "category": "bio", "explanation": "No."}


@pytest.mark.parametrize(
    ("reason", "fields", "finish", "wanted"),
    [
        ("end_turn", {}, "stop", {}),
        ("stop_sequence", {"stop_sequence": "END"}, "stop", {"stop_sequence": "END"}),
        ("max_tokens", {}, "length", {}),
        ("pause_turn", {}, "pause", {}),
        ("refusal", {"stop_details": DETAILS}, "refusal", {"detail": DETAILS}),
    ],
)
def test_a_reason_both_ways(reason: str, fields: Json, finish: Finish, wanted: Json) -> None:
    given = message(text("a"), stop_reason=reason, **fields)
    canonical = reply(Text("a"), finish=finish, **wanted)
    assert dialect.read_reply(given) == canonical
    assert write(canonical) == given


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("model_context_window_exceeded", "length"),
        ("compaction", "pause"),
        ("of_tomorrow", "stop"),
        (None, "stop"),
    ],
)
def test_a_reason_that_is_only_read(reason: str | None, finish: Finish) -> None:
    assert dialect.read_reply(message(text("a"), stop_reason=reason)) == reply(Text("a"), finish=finish)


@pytest.mark.parametrize(("reason", "finish"), [("end_turn", "tool_calls"), ("max_tokens", "length")])
def test_a_call_is_to_be_answered_unless_it_may_be_cut(reason: str, finish: Finish) -> None:
    found = dialect.read_reply(message(tool_use({}), stop_reason=reason))
    assert found.choices[0].finish == finish


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("pause", "pause_turn"),
        ("truncated", "max_tokens"),
        ("error", "max_tokens"),
    ],
)
def test_each_end_has_a_reason(finish: Finish, reason: str) -> None:
    detail = {"filtered": ["hate"]}
    written = write(reply(Text("a"), finish=finish, detail=detail))
    assert (written["stop_reason"], written["stop_details"]) == (reason, None)


def test_a_refusal_of_another_vendor_is_a_text_and_a_reason() -> None:
    written = write(reply(Refusal("No.")))
    assert (written["content"], written["stop_reason"]) == ([text("No.")], "refusal")


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (None, None),
        ({}, None),
        ({"input_tokens": "3", "output_tokens": 4}, Usage(3, 4)),
        (
            {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 5},
            Usage(8, 4, cache_write_5m=5),
        ),
        ({"input_tokens": -3, "output_tokens": 4}, None),
        ({"input_tokens": [], "output_tokens": 4}, None),
    ],
)
def test_counts_that_cannot_be_believed_are_none(counts: Json | None, usage: Usage | None) -> None:
    assert dialect.read_reply(message(text("a"), usage=counts)).usage == usage


def test_an_answer_of_another_vendor_in_this_dialect() -> None:
    cited = Text("The sky is blue.", [Citation("https://a", "T", start=4, end=7, origin="chat"), Citation()])
    picture = Media("image", "image/png", "aaaa")
    parts: list[Part] = [
        cited,
        picture,
        Media("image", url="https://a/b.png", name="cat"),
        Media("audio", "audio/wav", "aaaa", transcript="Hello"),
        Media("audio", "audio/wav", "aaaa"),
        Foreign("responses", {"type": "web_search_call"}),
        Thinking(is_redacted=True),
        ToolCall("call_1", "f", "run it", is_custom=True),
    ]
    written = write(Reply("chatcmpl-1", "", [Choice(parts), Choice([Text("second")])]))
    assert written["id"] == "msg_chatcmpl-1"
    assert written["model"] == "asked"
    assert written["usage"]["input_tokens"] == 0
    assert written["content"] == [
        text(
            "The sky is blue.",
            [
                {
                    "type": "web_search_result_location",
                    "cited_text": "sky",
                    "encrypted_index": "",
                    "title": "T",
                    "url": "https://a",
                }
            ],
        ),
        text("![image](data:image/png;base64,aaaa)"),
        text("![cat](https://a/b.png)"),
        text("Hello"),
        tool_use({"input": "run it"}) | {"id": "call_1"},
    ]
    assert unwrap_custom('{"input":"run it"}') == "run it"


def test_an_answer_without_choices_or_id_is_still_a_message() -> None:
    written = write(Reply("", "m", []))
    assert written["content"] == []
    assert len(written["id"]) > len("msg_")


def test_foreign_signatures_travel_wrapped_and_come_back_in_the_next_request() -> None:
    theirs, encrypted = Signature("generate", "g"), Signature("responses", "e")
    parts: list[Part] = [
        Thinking("t", encrypted),
        Thinking(signature=encrypted, is_redacted=True),
        Text("a", signature=theirs),
        ToolCall("b", "f", "{}", signature=theirs),
    ]
    written = write(reply(*parts, finish="tool_calls"))
    carrier = {"type": "thinking", "thinking": "", "signature": opaque.wrap(theirs, "messages")}
    assert [written["content"][i] for i in (2, 4)] == [carrier, carrier]
    assert dialect.read_reply(written) == reply(*parts, finish="tool_calls")
    again = dialect.read_request({"messages": [{"role": "assistant", "content": written["content"]}]})
    for part in again.messages[0].parts:
        part.at = ""
    assert again.messages[0].parts == parts


@pytest.mark.parametrize("body", [{}, {"content": None}, {"content": ["a"]}, {"content": [{"id": "a"}]}])
def test_what_is_no_answer_raises(body: Json) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError, ValueError)):
        dialect.read_reply(body)
