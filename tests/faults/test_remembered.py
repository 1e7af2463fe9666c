"""Responses that are remembered: what a vendor is told of the turns before."""

import json
from typing import Any

import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hm.", "annotations": []}],
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "look",
    "arguments": "{}",
}
BARE = {"id": "rs_1", "type": "reasoning", "summary": []}
SEALED = BARE | {"encrypted_content": "c2VhbGVk"}


async def ask(case: Case, output: list[Any], **more: Any) -> Any:
    answer = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": output}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    case.gateway.upstream.plays(*whole(answer | {"usage": usage}))
    body = {"model": case.model, "max_output_tokens": 100} | more
    answered = await case.call(case.post("/v1/responses", json.dumps(body).encode()))
    assert answered.status == 200, answered.body
    return case.gateway.upstream.seen[0].json()["input"]


async def test_what_followed_a_reasoning_that_is_left_out_has_no_id(gateway: Gateway) -> None:
    case = await gateway.case()
    await ask(case, [BARE, WORDS, CALL], input="Hi")
    result = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
    told = await ask(case, [WORDS], input=[result], previous_response_id="resp_1")
    plain = [{name: value for name, value in item.items() if name != "id"} for item in (WORDS, CALL)]
    assert told[1:] == [*plain, result]


@pytest.mark.parametrize("output", [[SEALED, WORDS, CALL], [WORDS, CALL]])
async def test_what_is_told_whole_keeps_its_ids(gateway: Gateway, output: list[Any]) -> None:
    case = await gateway.case()
    await ask(case, output, input="Hi")
    told = await ask(case, [WORDS], input="Go on", previous_response_id="resp_1")
    assert told[1:-1] == output
