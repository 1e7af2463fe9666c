"""What an answer brings is brought back by the caller's next turn, and must arrive at the vendor as it left."""

from collections.abc import Callable

import msgspec
import pytest
from tests.unit.convert.targets import target as aimed_at
from tests.unit.convert.test_conversions import collected

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.turn import Json, Text, ToolCall, ToolResult, Turn

DIALECTS = convert.load()
ASKED: dict[str, Json] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "go"}]},
    "responses": {"model": "m", "input": [{"role": "user", "content": "go"}]},
    "messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}]},
    "generate": {"contents": [{"role": "user", "parts": [{"text": "go"}]}]},
}
GIVEN_BACK: dict[str, Callable[[Json, Json], Json]] = {
    "chat": lambda asked, got: (
        asked | {"messages": [*asked["messages"], *(choice["message"] for choice in got["choices"])]}
    ),
    "responses": lambda asked, got: asked | {"input": [*asked["input"], *got["output"]]},
    "messages": lambda asked, got: (
        asked | {"messages": [*asked["messages"], {"role": "assistant", "content": got["content"]}]}
    ),
    "generate": lambda asked, got: (
        asked | {"contents": [*asked["contents"], *(found["content"] for found in got["candidates"])]}
    ),
}
"""The caller's next turn, without the results of its calls: what was asked before, and the answer."""


def conversion(source: str, target: str, asked: Json) -> Conversion:
    turn = DIALECTS[source].read_request(asked)
    return Conversion(DIALECTS[source], DIALECTS[target], turn, aimed_at("m"))


def whole(source: str, target: str, answer: Json, asked: Json) -> Json:
    """As the caller gets it."""
    body = msgspec.json.encode(answer)
    found: Json = msgspec.json.decode(conversion(source, target, asked).reply(body))
    return found


def streamed(source: str, target: str, answer: Json, asked: Json) -> Json:
    """The same out of a stream, as a client puts it together."""
    raw = conversion(source, target, asked).replayed(msgspec.json.encode(answer))
    found = DIALECTS[source].write_reply(collected(DIALECTS[source], raw), Turn())
    again: Json = msgspec.json.decode(msgspec.json.encode(found))
    return again


WAYS = pytest.mark.parametrize("way", [whole, streamed])
Way = Callable[[str, str, Json, Json], Json]


def called(*calls: Json) -> Json:
    """A chat answer."""
    message = {"role": "assistant", "content": None, "tool_calls": list(calls)}
    return {"id": "a", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}


def call(id: str, arguments: str = "{}") -> Json:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}}


@WAYS
@pytest.mark.parametrize("source", ["responses", "messages", "generate"])
def test_googles_signature_of_a_call_goes_back_to_a_vendor_that_speaks_chat(source: str, way: Way) -> None:
    signed = call("call_1") | {"extra_content": {"google": {"thought_signature": "proof"}}}
    got = way(source, "chat", called(signed), ASKED[source])
    again = conversion(source, "chat", GIVEN_BACK[source](ASKED[source], got))
    assert again.request()["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [signed],
    }
    assert again.losses.paths == []


@WAYS
@pytest.mark.parametrize("id", ["call_0", "functions.look:0", ""])
@pytest.mark.parametrize("source", ["responses", "messages", "generate"])
def test_calls_that_a_vendor_names_alike_are_told_apart(source: str, id: str, way: Way) -> None:
    """In one answer, and in the next one too: clients find the call that a result is of by its id alone."""
    asked = ASKED[source]
    for step in range(2):
        answer = called(call(id, f'{{"n":{step}}}'), call(id, f'{{"n":{step + 10}}}'))
        asked = GIVEN_BACK[source](asked, way(source, "chat", answer, asked))
    parts = [part for message in DIALECTS[source].read_request(asked).messages for part in message.parts]
    ids = [part.id for part in parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 4 and "" not in ids
    if id == "call_0":
        assert ids[0] == id


@pytest.mark.parametrize("target", ["responses", "messages", "generate"])
def test_calls_that_a_caller_names_alike_are_told_apart(target: str) -> None:
    def results(*said: str) -> list[Json]:
        return [{"role": "tool", "tool_call_id": "a", "content": text} for text in said]

    messages = [*ASKED["chat"]["messages"]]
    messages += [called(call("a"), call("a"))["choices"][0]["message"], *results("1", "2")]
    messages += [called(call("a"))["choices"][0]["message"], *results("3")]
    found = conversion("chat", target, ASKED["chat"] | {"messages": messages})
    got = DIALECTS[target].read_request(found.request())
    calls = [part.id for message in got.messages for part in message.parts if isinstance(part, ToolCall)]
    said = {
        part.call_id: [inner.text for inner in part.parts if isinstance(inner, Text)]
        for message in got.messages
        for part in message.parts
        if isinstance(part, ToolResult)
    }
    assert calls[0] == "a"
    assert [said[id] for id in calls] == [["1"], ["2"], ["3"]]
    assert len(said) == 3


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"a":"one\ntwo"}', {"a": "one\ntwo"}),
        ('{"a":"\\ud83d!"}', {"a": "\ufffd!"}),
        ('{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a":1e999}', {"_raw": '{"a":1e999}'}),
        ('{"a":NaN}', {"_raw": '{"a":NaN}'}),
        ('{"a":', {"_raw": '{"a":'}),
    ],
)
def test_arguments_are_read_as_models_write_them(written: str, meant: Json) -> None:
    got = whole("messages", "chat", called(call("a", written)), ASKED["messages"])
    assert got["content"][0]["input"] == meant
    got = whole("generate", "chat", called(call("a", written)), ASKED["generate"])
    assert got["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == meant
