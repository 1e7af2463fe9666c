"""What gets lost on the way is named once and by its own path, and what is not lost is not named."""

import json
from typing import Any

import pytest
from tests.unit.convert.targets import target as aimed_at

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.events import Grew, Opened, Started, tidy
from pronghorn.convert.turn import Citation, Json, Text, ToolCall
from pronghorn.errors import BadRequest, UpstreamError
from pronghorn.kit import sse

USER: Json = {"role": "user", "content": "Hi"}
PNG: Json = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def converted(source: str, target: str, body: Json, vendor: str = "") -> tuple[Json, list[str]]:
    dialects = convert.load()
    asked = dialects[source].read_request(body)
    conversion = Conversion(dialects[source], dialects[target], asked, aimed_at("m", vendor=vendor))
    return conversion.request(), conversion.losses.paths


def answers_of(vendor: str, caller: str) -> Conversion:
    dialects = convert.load()
    asked = dialects["chat"].read_request({"model": "m", "messages": [USER]})
    return Conversion(dialects[caller], dialects[vendor], asked, Target(model="m"))


def result(*content: Json, **more: Any) -> Json:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    found = {"type": "tool_result", "tool_use_id": "a", "content": list(content)} | more
    messages = [USER, {"role": "assistant", "content": [call]}, {"role": "user", "content": [found]}]
    return {"model": "m", "max_tokens": 9, "messages": messages}


def test_an_empty_message_is_no_loss() -> None:
    body = {"model": "m", "messages": [USER, {"role": "assistant", "content": ""}, USER]}
    assert converted("chat", "messages", body)[1] == []


def test_a_request_of_which_nothing_is_left_is_refused() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "odd"}]}]}
    with pytest.raises(BadRequest) as refused:
        converted("chat", "messages", body)
    assert refused.value.param == "messages"


CALL_OF_A_USER: dict[str, tuple[Json, str]] = {
    "generate": (
        {"contents": [{"role": "user", "parts": [{"functionCall": {"name": "f", "args": {}}}]}]},
        "contents[0].parts[0]",
    ),
    "messages": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
            ]
        },
        "messages[0].content[0]",
    ),
}


@pytest.mark.parametrize("source", CALL_OF_A_USER)
@pytest.mark.parametrize("target", ["chat", "responses", "messages", "generate"])
def test_a_call_of_a_tool_by_the_user_is_refused_by_name(source: str, target: str) -> None:
    body, place = CALL_OF_A_USER[source]
    with pytest.raises(BadRequest) as refused:
        converted(source, target, {"model": "m", "max_tokens": 9} | body)
    assert refused.value.param == place


def test_a_picture_seen_less_closely_is_named() -> None:
    image = {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "original"}
    body = {"model": "m", "input": [{"role": "user", "content": [image]}]}
    written, lost = converted("responses", "chat", body)
    assert written["messages"][0]["content"][0]["image_url"]["detail"] == "high"
    assert lost == ["$.input[0].content[0].detail"]


def test_a_cache_mark_on_a_result_without_text_is_named() -> None:
    body = result({"type": "image", "source": PNG}, cache_control={"type": "ephemeral"})
    assert "$.messages[2].content[0].cache_control" in converted("messages", "chat", body)[1]


def test_of_two_cache_marks_for_one_place_the_inner_one_is_named() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    text = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    written, lost = converted("messages", "chat", result(text, cache_control=hour))
    assert written["messages"][2]["content"][0]["cache_control"] == hour
    assert lost == ["$.messages[2].content[0].content[0].cache_control"]


def test_of_two_like_cache_marks_that_have_no_place_both_are_named() -> None:
    mark = {"type": "ephemeral"}
    text = {"type": "text", "text": "x", "cache_control": mark}
    lost = converted("messages", "chat", result(text, cache_control=mark), vendor="openai")[1]
    assert set(lost) == {
        "$.messages[2].content[0].cache_control",
        "$.messages[2].content[0].content[0].cache_control",
    }


def test_a_signature_of_a_call_that_its_own_vendor_does_not_get_is_named() -> None:
    call = {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    answer = {"functionResponse": {"id": "a", "name": "f", "response": {"result": "x"}}}
    contents = [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [answer]},
    ]
    lost = converted("generate", "messages", {"contents": contents})[1]
    assert lost == ["$.contents[1].parts[0].thoughtSignature"]


def test_a_grammar_is_nested_for_chat() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: A"}
    body = {"model": "m", "input": "Hi", "tools": [{"type": "custom", "name": "c", "format": form}]}
    written, _ = converted("responses", "chat", body, vendor="openai")
    nested = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
    assert written["tools"][0]["custom"]["format"] == nested


NAMESPACE: Json = {
    "type": "namespace",
    "name": "crm",
    "description": "Of our customers.",
    "tools": [
        {"type": "function", "name": "find", "description": "One.", "parameters": {"type": "object"}},
        {"type": "custom", "name": "note"},
    ],
}


def of_namespace() -> Conversion:
    dialects = convert.load()
    called: Json = {
        "type": "function_call",
        "call_id": "a",
        "name": "find",
        "namespace": "crm",
        "arguments": "{}",
    }
    given = [USER, called, {"type": "function_call_output", "call_id": "a", "output": "none"}]
    find: Json = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    body = {"model": "m", "input": given, "tools": [find, NAMESPACE]}
    asked = dialects["responses"].read_request(body)
    return Conversion(dialects["responses"], dialects["chat"], asked, Target(model="m"))


def test_tools_of_a_namespace_go_by_their_full_names() -> None:
    conversion = of_namespace()
    written = conversion.request()
    functions = [tool.get("function") or tool["custom"] for tool in written["tools"]]
    assert [tool["name"] for tool in functions] == ["find", "crm__find", "crm__note"]
    assert functions[1]["description"] == "Of our customers.\n\nOne."
    assert written["messages"][1]["tool_calls"][0]["function"]["name"] == "crm__find"
    assert conversion.losses.paths == []


def test_the_caller_of_a_namespace_gets_its_own_names_back() -> None:
    calls = [
        {"id": str(index), "type": "function", "function": {"name": name, "arguments": '{"input":"x"}'}}
        for index, name in enumerate(["find", "crm__find", "crm__note"])
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    answer = {"id": "a", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    body = json.dumps(answer).encode()
    whole = json.loads(of_namespace().reply(body))["output"]
    events = [sse.data_of(event) for event in sse.Splitter().feed(of_namespace().replayed(body))]
    ends = [json.loads(data) for data in events if data and b"response.completed" in data]
    for output in (whole, ends[-1]["response"]["output"]):
        named = [(item["type"], item.get("namespace"), item["name"]) for item in output]
        assert named == [
            ("function_call", None, "find"),
            ("function_call", "crm", "find"),
            ("custom_tool_call", "crm", "note"),
        ]


def test_a_place_of_an_odd_kind_is_passed_over() -> None:
    body = {"model": "m", "messages": [USER], "web_search_options": {"user_location": {"approximate": [7]}}}
    written, _ = converted("chat", "messages", body)
    assert written["tools"][0]["user_location"] == {"type": "approximate"}


# Answers.

SEARCH: list[Json] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "text", "text": "one"},
]
CODE: list[Json] = [
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "c2ln"},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    {"text": "one"},
]
FOUND: Json = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
CHOICE: Json = {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"}
UNSAID: dict[str, tuple[Json, list[str]]] = {
    "messages": (
        {"id": "a", "content": SEARCH, "stop_reason": "end_turn", "container": {"id": "c"}},
        ["answer.container", "answer.server_tool_use", "answer.web_search_tool_result"],
    ),
    "generate": (
        {"candidates": [{"content": {"parts": CODE}, "finishReason": "STOP"}]},
        ["answer.executableCode", "answer.codeExecutionResult"],
    ),
    "responses": ({"id": "a", "status": "completed", "output": [FOUND]}, ["answer.web_search_call"]),
    "chat": ({"id": "a", "choices": [CHOICE], "x_new": 1}, ["answer.x_new"]),
}
"""By the vendor's dialect: an answer, and what others cannot say of it."""


@pytest.mark.parametrize(
    ("vendor", "caller"), [(vendor, caller) for vendor in UNSAID for caller in UNSAID if caller != vendor]
)
def test_what_of_an_answer_its_caller_is_not_told_is_named(vendor: str, caller: str) -> None:
    body, named = UNSAID[vendor]
    conversion = answers_of(vendor, caller)
    conversion.reply(json.dumps(body).encode())
    assert list(conversion.unsaid) == named


def streamed(vendor: str, caller: str, body: Json) -> Conversion:
    """After a stream of the vendor that says the same."""
    conversion = answers_of(vendor, caller)
    stream = conversion.stream()
    for event in sse.Splitter().feed(answers_of(vendor, vendor).replayed(json.dumps(body).encode())):
        stream.feed(sse.data_of(event) or b"")
    stream.end()
    return conversion


@pytest.mark.parametrize("vendor", ["messages", "generate", "responses"])
def test_what_of_a_stream_its_caller_is_not_told_is_named(vendor: str) -> None:
    body, named = UNSAID[vendor]
    kinds = [name for name in named if name != "answer.container"]
    assert list(streamed(vendor, "chat", body).unsaid) == kinds
    assert list(streamed(vendor, vendor, body).unsaid) == []


@pytest.mark.parametrize("caller", ["chat", "responses", "messages"])
def test_a_call_that_failed_is_told_in_words(caller: str) -> None:
    body = b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"Malformed: f(x="}]}'
    told = b"The answer ended without its tool call: Malformed: f(x="
    assert told in answers_of("generate", caller).reply(body)
    stream = answers_of("generate", caller).stream()
    assert told in stream.feed(body) + stream.end()


# What vendors say that keep to no dialect.


def test_what_should_be_text_and_is_none_is_emptied() -> None:
    call: Any = ToolCall("a", ["f"], "{}")  # type: ignore[arg-type]
    assert not tidy(call)
    assert call.name == ""
    cited = Text("a", [Citation(url=5)])  # type: ignore[arg-type]
    assert not tidy(cited)
    assert tidy(cited)


def test_an_answer_with_numbers_for_text_is_an_upstream_error() -> None:
    with pytest.raises(UpstreamError):
        answers_of("messages", "chat").reply(b'{"id":"a","content":[{"type":"text","text":20}]}')


def test_a_choice_beyond_all_numbers_does_not_fill_the_memory() -> None:
    stream = answers_of("generate", "chat").stream()
    odd = b'{"candidates":[{"index":%d,"content":{"parts":[{"text":"x"}]}}],"responseId":"a"}' % 10**12
    assert b'"x"' not in stream.feed(odd)
    assert b'"y"' in stream.feed(b'{"candidates":[{"content":{"parts":[{"text":"y"}]}}]}')


@pytest.mark.parametrize("event", [Started("a", "m"), Opened(Text("a")), Grew("a")])
def test_a_sound_event_is_left_alone(event: Any) -> None:
    assert tidy(event)
