"""What client apps send, down to the odd, is passed on as it came; what is too long is refused before it comes."""

import json
import time
from typing import Any

import msgspec
import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.raw import request
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


ODD_BODIES: dict[str, dict[str, Any]] = {
    "null for every optional member": dict.fromkeys(
        [
            "temperature",
            "top_p",
            "n",
            "max_tokens",
            "max_completion_tokens",
            "stream",
            "stream_options",
            "stop",
            "tools",
            "tool_choice",
            "user",
            "seed",
            "logprobs",
            "response_format",
            "metadata",
            "reasoning_effort",
            "parallel_tool_calls",
        ]
    ),
    "unknown members": {
        "verbosity": "low",
        "usage": {"include": True},
        "x_new": {"deep": [1.50, -0.0, 10**30]},
    },
    "every role": {
        "messages": [
            said(role, "x") for role in ("system", "developer", "user", "assistant", "tool", "function")
        ]
    },
    "empty contents": {"messages": [said("user", ""), said("assistant", None), said("user", [])]},
    "no content beside tool calls": {
        "messages": [said("assistant", [], tool_calls=[CALL]), said("tool", "7", tool_call_id="c1")]
    },
    "parts for the system": {"messages": [said("system", [{"type": "text", "text": "x"}])]},
    "both output limits": {"max_tokens": 5, "max_completion_tokens": 6},
    "stream options without a stream": {"stream_options": {"include_usage": True}},
    "stream options beside a stream that is off": {
        "stream": False,
        "stream_options": {"include_usage": True},
    },
    "parallel calls without tools": {"parallel_tool_calls": True},
    "no tools at all": {"tools": []},
    "a schema with everything": {
        "tools": [
            {"type": "function", "function": {"name": "a", "strict": True, "parameters": {"$schema": "x"}}},
            {
                "type": "function",
                "function": {"name": "b", "parameters": {"type": "object", "properties": {}}},
            },
            {"type": "function", "function": {"name": "c"}},
        ]
    },
    "flat tools": {"tools": [{"type": "function", "name": "f", "parameters": {}}]},
    "a custom tool": {"tools": [{"type": "custom", "name": "f", "format": {"type": "text"}}]},
    "letters of the whole world": {
        "messages": [said("user", "漢字 🎉 עברית \u202e x"), said("user", "\u0000")]
    },
}


@pytest.mark.parametrize("what", ODD_BODIES)
async def test_an_odd_body_reaches_the_vendor_as_it_came(case: Case, what: str) -> None:
    """Byte for byte as most clients write it; elsewhere white space between members is the most that may change."""
    body = {"model": case.model, "messages": [said("user", "Hi")]} | ODD_BODIES[what]
    members = {name: value for name, value in body.items() if value is not ...}
    plain = json.dumps(members).encode()
    pretty = json.dumps(members, ensure_ascii=False, indent=2).encode()
    dense = json.dumps(members, separators=(",", ":")).encode()
    for data in (plain, dense, pretty, b"\n " + plain + b"\r\n"):
        case.gateway.upstream.plays(*whole(completion()))
        answer = await case.call(case.post(CHAT, data))
        assert answer.status == 200, answer.body
        seen = case.gateway.upstream.seen[0].body
        assert raw_members(seen) == raw_members(data)
        assert seen == data or data not in (plain, dense)


def raw_members(body: bytes) -> list[tuple[str, bytes]]:
    found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return [(name, bytes(value)) for name, value in found.items()]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", ""])
async def test_a_body_in_chunks_is_as_good_as_one_with_a_length(case: Case, kind: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = json.dumps({"model": case.model, "messages": []}).encode()
    headers = {"authorization": f"Bearer {case.key}", "transfer-encoding": "chunked", "content-type": kind}
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = await case.call(request("POST", CHAT, headers) + pieces)
    assert answer.status == 200
    assert case.gateway.upstream.seen[0].body == body


async def test_a_body_of_32_mib_passes_at_little_cost(gateway: Gateway) -> None:
    """Pictures in base64 are that large."""
    case = await gateway.case(price={"per_call_usd": "0.001"})
    gateway.upstream.plays(*whole(completion()))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (32 * 2**20)}}
    body = json.dumps({"model": case.model, "messages": [said("user", [picture])]}).encode()
    begun = time.process_time()
    answer = await case.call(case.post(CHAT, body))
    assert answer.status == 200
    assert gateway.upstream.seen[0].body_bytes == len(body)
    assert time.process_time() - begun < 3.0, "the test's own two ends included"
    await case.assert_invariants()


async def test_a_body_too_long_is_refused_before_a_byte_of_it_has_come(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    for expectation in ({}, {"expect": "100-continue"}):
        length = {"content-length": str(64 * 2**20 + 1), "authorization": f"Bearer {case.key}"} | expectation
        async with case.open(request("POST", CHAT, length)) as connection:
            answer = await connection.answer()
        assert (answer.status, answer.error["code"]) == (413, "request_too_large")
        assert "64 MiB" in answer.error["message"]
        assert answer.header("x-request-id") in answer.error["message"]
        assert answer.header("access-control-allow-origin") == "*"
    assert case.gateway.upstream.seen == []
