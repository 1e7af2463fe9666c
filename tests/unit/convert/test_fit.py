"""Wherever callers say what came of a call: the vendor reads it right behind the call."""

import re
from typing import Any

import pytest
from tests.unit.convert.targets import target as aimed_at

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.fit import fitting_id
from pronghorn.convert.turn import Json, Part, Text, ToolCall, ToolResult

DIALECTS = convert.load()
GO = {"role": "user", "content": "go"}
NOTE = {"role": "system", "content": "note"}


def use(id: str) -> Json:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]}


def results(*found: tuple[str, str]) -> Json:
    blocks = [{"type": "tool_result", "tool_use_id": id, "content": said} for id, said in found]
    return {"role": "user", "content": blocks}


def call(id: str) -> Json:
    return {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"}


def output(id: str, said: str) -> Json:
    return {"type": "function_call_output", "call_id": id, "output": said}


def tool_calls(*ids: str) -> Json:
    made = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def tool(id: str, said: str) -> Json:
    return {"role": "tool", "tool_call_id": id, "content": said}


NONE = "No result was given."
AGAIN = fitting_id("a 1")
"""A second call that its caller names `a`."""
CASES: dict[str, tuple[str, list[Any], list[str]]] = {
    "calls in two messages": (
        "messages",
        [GO, use("a"), use("b"), results(("a", "1"), ("b", "2"))],
        ["go", "call a", "call b", "a: 1", "b: 2"],
    ),
    "words of the user before the result": (
        "responses",
        [GO, call("a"), {"role": "user", "content": "well?"}, output("a", "1")],
        ["go", "call a", "a: 1", "well?"],
    ),
    "words of the model before the last result": (
        "responses",
        [GO, call("a"), call("b"), output("a", "1"), {"role": "assistant", "content": "b"}, output("b", "2")],
        ["go", "call a", "call b", "a: 1", "b: 2", "b"],
    ),
    "a call before the result of another": (
        "responses",
        [GO, call("a"), {"role": "user", "content": "well?"}, call("b"), output("a", "1"), output("b", "2")],
        ["go", "call a", "a: 1", "well?", "call b", "b: 2"],
    ),
    "words of the system before the result": (
        "chat",
        [GO, tool_calls("a"), NOTE, tool("a", "1")],
        ["go", "call a", "a: 1", "note"],
    ),
    "words of the system between two results": (
        "chat",
        [GO, tool_calls("a", "b"), tool("a", "1"), NOTE, tool("b", "2")],
        ["go", "call a", "call b", "a: 1", "b: 2", "note"],
    ),
    "a call without a result, and one of the same id later": (
        "chat",
        [GO, tool_calls("a"), {"role": "user", "content": "again"}, tool_calls("a"), tool("a", "1")],
        ["go", "call a", f"a: {NONE}", "again", f"call {AGAIN}", f"{AGAIN}: 1"],
    ),
    "a second result, and one that no call asked for": (
        "messages",
        [GO, use("a"), results(("a", "1"), ("a", "2"), ("b", "3"))],
        ["go", "call a", "a: 1", "2", "3"],
    ),
}


@pytest.mark.parametrize(
    ("case", "target"), [(case, target) for case in CASES for target in DIALECTS if target != CASES[case][0]]
)
def test_each_call_has_its_one_result_behind_it(case: str, target: str) -> None:
    source, said, wanted = CASES[case]
    body = {"model": "m", "max_tokens": 9, "input" if source == "responses" else "messages": said}
    asked = DIALECTS[source].read_request(body)
    conversion = Conversion(DIALECTS[source], DIALECTS[target], asked, aimed_at("m"))
    got = DIALECTS[target].read_request(conversion.request())
    assert [in_short(part) for message in got.messages for part in message.parts] == wanted
    assert [path for path in conversion.losses.paths if path != "$.max_tokens"] == []


def in_short(part: Part) -> str:
    if isinstance(part, ToolCall):
        return f"call {part.id}"
    if isinstance(part, ToolResult):
        return f"{part.call_id}: {''.join(inner.text for inner in part.parts if isinstance(inner, Text))}"
    assert isinstance(part, Text)
    return re.sub(r"</?system>|\n", "", part.text)
