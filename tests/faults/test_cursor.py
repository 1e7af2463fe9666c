"""Cursor asks for a chat in the words of Responses, and has a chat's answer, whoever the vendor is."""

import json
from typing import Any

import pytest
from tests.faults.dialects import DIALECTS, PAIRS, assert_complete, data_of, open_case
from tests.faults.harness import Gateway
from tests.faults.upstream import DONE, ROLE, completion, delta, stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATCH = "*** Begin Patch\n*** End Patch"
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
ASKED: dict[str, Any] = {
    "input": [
        {"role": "system", "content": "Edit files."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    ],
    "tools": [
        {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "ApplyPatch", "description": "Patches", "format": GRAMMAR},
    ],
    "user": "u",
}
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


@both_ways
@pytest.mark.parametrize("vendor", [vendor for door, vendor in PAIRS if door == "chat"])
async def test_a_turn_without_messages_is_answered_as_a_chat(
    gateway: Gateway, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, "chat", vendor)
    dialect = DIALECTS[vendor]
    gateway.upstream.plays(*(stream(*dialect.events) if is_stream else whole(dialect.whole)))
    body = ASKED | {"model": case.model, "stream": is_stream, "stream_options": {"include_usage": True}}
    answer = await case.call(case.post("/v1/chat/completions", json.dumps(body).encode()))
    assert_complete("chat", answer, is_stream=is_stream)
    (seen,) = gateway.upstream.seen
    assert b"Edit files." in seen.body and b"ApplyPatch" in seen.body
    if vendor == "chat":
        assert [one["role"] for one in seen.json()["messages"]] == ["system", "user"]
        assert answer.header("x-pronghorn-dropped") == ""
    await case.assert_invariants()


@both_ways
async def test_a_call_of_a_custom_tool_comes_back_as_a_chats(gateway: Gateway, is_stream: bool) -> None:
    case = await gateway.case()
    call = {"id": "c1", "type": "custom", "custom": {"name": "ApplyPatch", "input": PATCH}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    events = [ROLE, delta(tool_calls=[{"index": 0, **call}]), delta(finish="tool_calls"), DONE]
    gateway.upstream.plays(*(stream(*events) if is_stream else whole(completion(choices=[choice]))))
    body = ASKED | {"model": case.model, "stream": is_stream}
    answer = await case.call(case.post("/v1/chat/completions", json.dumps(body).encode()))
    assert answer.status == 200, answer.body
    (tool,) = gateway.upstream.seen[0].json()["tools"][1:]
    inner = {name: value for name, value in GRAMMAR.items() if name != "type"}
    assert tool["custom"]["format"] == {"type": "grammar", "grammar": inner}
    documents = (
        [one for one in data_of(answer.body) if isinstance(one, dict)] if is_stream else [answer.json()]
    )
    member = "delta" if is_stream else "message"
    said = [choice[member] for one in documents for choice in one["choices"]]
    (found,) = [one for part in said for one in part.get("tool_calls") or ()]
    assert (found["type"], found["custom"]) == ("custom", call["custom"])
    assert all("usage" not in one for one in documents) or not is_stream, "nobody asked for it"
    await case.assert_invariants()


async def test_what_a_chat_has_no_words_for_is_named_or_refused(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    body = json.dumps(ASKED | {"model": case.model, "truncation": "auto"}).encode()
    answer = await case.call(case.post("/v1/chat/completions", body))
    assert (answer.status, answer.header("x-pronghorn-dropped")) == (200, "$.truncation")
    refused = await case.call(case.post("/v1/chat/completions", body, x_pronghorn_strict="true"))
    assert (refused.status, refused.error["param"]) == (400, "truncation")
    assert refused.error["code"] == "unsupported_parameter"
    await case.assert_invariants()


async def test_what_cannot_be_read_is_refused_by_name(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    body = json.dumps({"model": case.model, "input": [{"role": "robot", "content": "x"}]}).encode()
    answer = await case.call(case.post("/v1/chat/completions", body))
    assert (answer.status, answer.error["param"]) == (400, "input[0].role")
    assert gateway.upstream.seen == []
