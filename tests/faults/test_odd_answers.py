"""An odd answer of a vendor is passed on byte for byte, or is a 502 that costs nothing; it never breaks us."""

import json
import time
from typing import Any

import pytest
from tests.faults.harness import Case
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = json.dumps(completion()).encode()
CPU_S = 0.25
"""The test's own ends included; a second parse of any of these would take longer than all of it."""


def with_member(text: bytes) -> bytes:
    return GOOD[:-1] + b', "x": ' + text + b"}"


def instead(**members: Any) -> bytes:
    return json.dumps(completion() | members).encode()


def choice(**members: Any) -> bytes:
    plain = {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"}
    return instead(choices=[plain | members])


PASSED: dict[str, bytes] = {
    "numbers beyond doubles": with_member(b"[1e400, -1e400, 123456789012345678901234567890, 1E-400]"),
    "members that are there twice": with_member(b'1, "x": 2'),
    "a member of our own twice": GOOD[:-1] + b', "model": "a", "model": "b"}',
    "a prototype": with_member(b'{"__proto__": {"model": "x"}}'),
    "a lone surrogate": with_member(b'"\\ud800"'),
    "an escaped NUL": with_member(b'"\\u0000"'),
    "an array of depth 100": with_member(b"[" * 100 + b"]" * 100),
    "a text of 3 MB": with_member(b'"' + b"a" * 3_000_000 + b'"'),
    "100000 members": with_member(b"{" + b",".join(b'"m%d":1' % n for n in range(100_000)) + b"}"),
    "white space around it": b" \r\n\t" + GOOD + b"\n\n",
    "no usage": instead(usage=None),
    "usage of another type": instead(usage="lots"),
    "usage that is a list": instead(usage=[1]),
    "negative usage": instead(usage={"prompt_tokens": -1, "completion_tokens": -5}),
    "usage in fractions": instead(usage={"prompt_tokens": 1.5, "completion_tokens": 2.5}),
    "usage beyond all bounds": instead(usage={"prompt_tokens": 10**30, "completion_tokens": 10**30}),
    "no finish": choice(finish_reason=None),
    "content in parts": choice(message={"role": "assistant", "content": [{"type": "text", "text": "one"}]}),
    "another role": choice(message={"role": "robot", "content": "one"}),
}

REFUSED: dict[str, bytes] = {
    "NaN": with_member(b"NaN"),
    "Infinity": with_member(b"-Infinity"),
    "an array of depth 10000": with_member(b"[" * 10_000 + b"]" * 10_000),
    "an object of depth 10000": with_member(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "no end": GOOD[:-1],
    "something after its end": GOOD + b"}",
    "two answers": GOOD + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "choices of another type": instead(choices={"0": {}}),
    "a finish of another type": choice(finish_reason=7),
    "choices that are numbers": instead(choices=[1, 2]),
}


@pytest.mark.parametrize("what", PASSED)
async def test_an_odd_answer_passes_byte_for_byte_and_is_charged_within_its_hold(
    case: Case, what: str
) -> None:
    case.gateway.upstream.plays(*whole(PASSED[what]))
    begun = time.process_time()
    answer = await case.chat()
    assert answer.status == 200, answer.body[:200]
    assert answer.body == PASSED[what]
    assert time.process_time() - begun < CPU_S
    row = await case.row()
    assert row.end_reason == "ok"
    assert 0 < row.cost <= row.hold


@pytest.mark.parametrize("what", REFUSED)
async def test_an_answer_that_is_none_is_a_502_and_costs_nothing(case: Case, what: str) -> None:
    case.gateway.upstream.plays(*whole(REFUSED[what]))
    begun = time.process_time()
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert time.process_time() - begun < CPU_S
    assert answer.header("x-request-id") in answer.error["message"]
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "upstream_error")
    case.heal()


@pytest.mark.parametrize(
    "path", ["embeddings", "images/generations", "moderations", "rerank", "completions", "audio/speech"]
)
async def test_no_endpoint_breaks_on_what_is_no_answer(case: Case, path: str) -> None:
    asked = {"model": case.model, "input": "x", "prompt": "x", "query": "x", "documents": ["x"], "voice": "v"}
    for odd in (b"", b"7", b"null", b"[]", b"{}", b"[" * 10_000, b'{"data": 7, "results": 7, "choices": 7}'):
        case.gateway.upstream.plays(*whole(odd))
        answer = await case.call(case.post(f"/v1/{path}", json.dumps(asked).encode()))
        assert answer.status in (200, 502), (path, odd[:20], answer.body)
        assert answer.status == 502 or answer.body == odd
        case.heal()
    assert {row.end_reason for row in await case.rows()} <= {"ok", "upstream_error"}
