"""A chat in the words of Responses becomes the chat that it means, and what has no words there is named."""

import json
from typing import Any

import pytest

from pronghorn.api import chat_with_input
from pronghorn.errors import BadRequest
from pronghorn.relay import Incoming

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def incoming(body: bytes) -> Incoming:
    return Incoming("req_1", {}, body, None, "", 0.0)


def rewritten(**members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body = json.dumps({"model": "m"} | members).encode()
    assert chat_with_input.is_one(body)
    found = chat_with_input.rewritten(incoming(body))
    return json.loads(found.body), found.dropped


def test_a_turn_with_flat_tools_and_their_results() -> None:
    body, dropped = rewritten(
        input=[
            {"role": "system", "content": "Edit files."},
            {"role": "user", "content": [{"type": "input_text", "text": "Go on"}]},
            {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "ApplyPatch", "input": "*** Begin Patch"},
            {"type": "function_call_output", "call_id": "c1", "output": "text"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        ],
        tools=[
            {"type": "function", "name": "read", "description": "Reads", "parameters": SCHEMA},
            {"type": "custom", "name": "ApplyPatch", "description": "Patches", "format": GRAMMAR},
        ],
        tool_choice={"type": "custom", "name": "ApplyPatch"},
        max_output_tokens=100,
        text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}},
        reasoning={"effort": "low"},
    )
    assert dropped == ()
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}},
        {"id": "c2", "type": "custom", "custom": {"name": "ApplyPatch", "input": "*** Begin Patch"}},
    ]
    system, user, assistant, *results = body.pop("messages")
    assert (system["role"], user["role"], assistant["role"]) == ("system", "user", "assistant")
    assert assistant["tool_calls"] == calls
    assert [(one["role"], one["tool_call_id"]) for one in results] == [("tool", "c1"), ("tool", "c2")]
    inner = {name: value for name, value in GRAMMAR.items() if name != "type"}
    patch = {"name": "ApplyPatch", "description": "Patches", "format": {"type": "grammar", "grammar": inner}}
    assert body == {
        "model": "m",
        "tools": [
            {"type": "function", "function": {"name": "read", "description": "Reads", "parameters": SCHEMA}},
            {"type": "custom", "custom": patch},
        ],
        "tool_choice": {"type": "custom", "custom": {"name": "ApplyPatch"}},
        "max_completion_tokens": 100,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
        },
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize("options", [None, {"include_usage": True}])
def test_usage_is_for_those_who_ask(options: dict[str, bool] | None) -> None:
    body, _ = rewritten(input="Hi", stream=True, stream_options=options)
    assert (body["stream"], body.get("stream_options")) == (True, options)


def test_what_is_a_chats_already_stays_as_it_came() -> None:
    given = {"max_tokens": 9, "stop": ["x"], "seed": 7, "reasoning_effort": "high", "models": ["m", "n"]}
    body, dropped = rewritten(input="Hi", temperature=0.5, **given)
    assert body == given | {"model": "m", "messages": body["messages"], "temperature": 0.5}
    assert dropped == ()


def test_what_has_no_words_in_a_chat_is_named() -> None:
    _, dropped = rewritten(input="Hi", truncation="auto", tools=[{"type": "file_search"}], x_new=1)
    assert set(dropped) == {"$.truncation", "$.tools[0]", "$.x_new"}


def test_a_wrong_field_is_refused_by_name() -> None:
    for wrong, param in ({"input": 7}, "input"), ({"input": "x", "tools": [{"name": 7}]}, "tools[0].name"):
        with pytest.raises(BadRequest) as refused:
            rewritten(**wrong)
        assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "messages": [], "input": "x"}',
        b'{"model": "m", "messages": [{"role": "user", "content": "an \\"input\\""}]}',
        b'{"model": "m"}',
        b"",
    ],
)
def test_the_usual_chat_is_left_alone(body: bytes) -> None:
    assert not chat_with_input.is_one(body)


@pytest.mark.parametrize(
    "body", [b'{"input"', b'["input"]', b'{"x": {"input": 1}}', b"[" * 100_000 + b'"input"']
)
def test_what_cannot_be_read_stays_for_others_to_refuse(body: bytes) -> None:
    assert chat_with_input.is_one(body)
    assert chat_with_input.rewritten(incoming(body)).body == body
