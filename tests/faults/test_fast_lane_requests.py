"""Whatever a caller asks on a connection whose head is known is served, charged or refused as it ever was."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.test_fast_lane import UNUSUAL, ask_once, assert_same
from tests.faults.test_odd_answers import GOOD
from tests.faults.upstream import Step, completion, stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"


def members(case: Case, **more: Any) -> dict[str, Any]:
    plain = {"model": case.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
    return {name: value for name, value in (plain | more).items() if value is not ...}


# Bodies

FLY: dict[str, dict[str, Any]] = {
    "as ever": {},
    "no limit": {"max_tokens": ...},
    "a limit of nothing": {"max_tokens": 0},
    "the other limit": {"max_tokens": ..., "max_completion_tokens": 7},
    "both limits": {"max_completion_tokens": 700},
    "three choices": {"n": 3},
    "no stream": {"stream": False},
    "options of a stream": {"stream": False, "stream_options": {"include_usage": True}},
    "members that nobody knows": {"x": {"y": [1, 1e300, "ü", None]}},
    "a member in other letters": {"MODEL": "other", "Max_Tokens": 1_000_000},
    "a member that hides": {"x": {"max_tokens": 5, "model": "other"}},
    "an input beside the messages": {"input": "x"},
}
STAY: dict[str, dict[str, Any]] = {
    "a stream": {"stream": True},
    "no model": {"model": ...},
    "an empty model": {"model": ""},
    "a model of another type": {"model": 7},
    "an unknown model": {"model": "model-of-nobody"},
    "an input in place of messages": {"messages": ..., "input": "x"},
    "a negative limit": {"max_tokens": -1},
    "a limit that is too large": {"max_tokens": 10**12},
    "a limit in words": {"max_tokens": "many"},
    "no choices": {"n": 0},
    "too many choices": {"n": 10**6},
    "no other models": {"models": None, "provider": None},
    "other models": {"models": ["model-of-nobody"]},
    "an order of vendors": {"provider": {"order": ["x"]}},
}


def answer_for(more: dict[str, Any]) -> Sequence[Step]:
    return stream() if more.get("stream") else whole(GOOD)


@pytest.mark.parametrize("what", FLY)
async def test_what_flies_is_the_same_on_both_ways(case: Case, what: str) -> None:
    first, body = (json.dumps(members(case, **more)).encode() for more in ({}, FLY[what]))
    fast = await assert_same(case, whole(GOOD), first=first, body=body)
    assert not fast.is_handed_over
    assert fast.answer is not None
    assert fast.answer.status == 200


async def assert_grounded(case: Case, body: bytes, script: Sequence[Step], first: bytes | None = None) -> int:
    """It does not fly, and is what it is the usual way. Gives its status."""
    first = first or json.dumps(members(case)).encode()
    fast = await ask_once(case, script, first=first, body=body)
    usual = await ask_once(case, script, first=first, body=body, headers=UNUSUAL)
    assert (fast.flights, usual.flights) == ([], [])
    assert fast.seen == usual.seen
    assert fast.answer is not None
    return fast.answer.status


@pytest.mark.parametrize("what", STAY)
async def test_what_does_not_fly_is_the_same_on_both_ways(case: Case, what: str) -> None:
    await assert_grounded(case, json.dumps(members(case, **STAY[what])).encode(), answer_for(STAY[what]))


async def test_an_output_limit_that_the_balance_does_not_buy_is_lowered_as_ever(case: Case) -> None:
    dear = json.dumps(members(case, max_tokens=9_000_000)).encode()
    ended = await ask_once(case, whole(GOOD), first=json.dumps(members(case)).encode(), body=dear)
    assert ended.flights == []
    assert ended.answer is not None
    assert (ended.answer.status, ended.answer.body) == (200, GOOD)
    lowered = ended.answer.header("x-pronghorn-adjusted")
    assert json.loads(ended.seen["calls"][0][3])["max_tokens"] == int(lowered.partition("=")[2]) < 5_000_000


BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "a number": (b"7", 400),
    "a list": (b"[]", 400),
    "no end": (b'{"model": "', 400),
    "no UTF-8": (b'{"model": "\xff"}', 400),
    "too deep": (b'{"model": ' + b"[" * 100_000, 400),
    "something behind it": (b'{"model": "m"}{}', 400),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_body_that_is_none_is_refused_as_ever(case: Case, what: str) -> None:
    body, status = BODIES[what]
    assert await assert_grounded(case, body, whole(GOOD)) == status


async def test_a_model_that_is_there_twice_is_sent_as_it_was_read(case: Case) -> None:
    twice = (
        json.dumps(members(case)).encode()[:-1] + b', "model": "%b", "n": 1, "n": 2}' % case.model.encode()
    )
    fast = await assert_same(case, whole(GOOD), body=twice)
    (call,) = fast.seen["calls"]
    assert call[3].count(b'"model"') == call[3].count(b'"n"') == 1


async def test_a_body_that_comes_in_many_reads_is_served_as_ever(case: Case) -> None:
    body = json.dumps(members(case, user="u" * 600_000)).encode()
    assert await assert_grounded(case, body, whole(GOOD)) == 200


async def test_white_space_around_a_body_is_the_same_on_both_ways(case: Case) -> None:
    await assert_same(
        case, whole(GOOD), body=b"\r\n\r\n" + json.dumps(members(case)).encode() + b" \n\r\n\r\n"
    )


# Headers

CARRIED = {
    "openai_beta": "x=1",
    "x_title": "t",
    "http_referer": "r",
    "user_agent": "u",
    "cookie": "c=d",
    "x_forwarded_for": "192.0.2.7",
    "accept_encoding": "gzip",
    "content_type": "application/json; charset=utf-8",
}


@pytest.mark.parametrize("name", CARRIED)
async def test_a_header_is_carried_or_kept_the_same_on_both_ways(case: Case, name: str) -> None:
    headers = {name: CARRIED[name]}
    fast = await ask_once(case, whole(GOOD), headers=headers)
    usual = await ask_once(case, whole(GOOD), headers=headers | UNUSUAL)
    assert (len(fast.flights), usual.flights) == (1, [])
    assert fast.seen == usual.seen
    sent = dict(fast.seen["calls"][0][2])
    assert (name.replace("_", "-") in sent) == (name in ("openai_beta", "x_title", "http_referer", *WE_SEND))


WE_SEND = ("content_type", "accept_encoding")
GROUNDED = {
    "idempotency_key": "k-1",
    "x_pronghorn_simulate": "delay=1",
    "x_pronghorn_strict": "1",
    "content_encoding": "identity",
    "content_type": "text/plain",
}


@pytest.mark.parametrize("name", GROUNDED)
async def test_a_header_that_asks_for_more_keeps_a_request_on_the_ground(case: Case, name: str) -> None:
    plain = json.dumps(members(case)).encode()
    headers = case.post(CHAT, plain, **{name: GROUNDED[name]})
    answers = [await case.call(headers) for _ in range(1)]
    if answers[0].status == 200:
        fast = await ask_once(case, whole(GOOD), headers={name: GROUNDED[name]})
        assert fast.flights == []
        assert fast.answer is not None
        assert fast.answer.status == 200
    else:
        assert name in ("x_pronghorn_simulate", "content_encoding", "content_type")


# Other endpoints, vendors and prices

USED = {"prompt_tokens": 10, "total_tokens": 10}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "one"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
RESPONSE = {
    "id": "r",
    "object": "response.compaction",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "one"}]}],
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
ENDPOINTS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "/v1/chat/completions": ("openai", {}, completion()),
    "/chat/completions": ("openai", {}, completion()),
    "/v1/completions": ("openai", {"prompt": "x"}, completion() | {"choices": [{"text": "one"}]}),
    "/v1/embeddings": ("openai", {"input": "x"}, {"data": [{"embedding": [0.5]}], "usage": USED}),
    "/v1/moderations": ("openai", {"input": "x"}, {"results": [{"flagged": False}], "usage": USED}),
    "/v1/rerank": ("openai", {"query": "x", "documents": ["y"]}, {"results": [{"index": 0}], "usage": USED}),
    "/v1/messages": ("anthropic", {}, MESSAGE),
    "/v1/messages/count_tokens": ("anthropic", {}, {"input_tokens": 7}),
    "/v1/responses/compact": ("openai", {"input": "x"}, RESPONSE),
    "/v1/responses/input_tokens": ("openai", {"input": "x"}, {"input_tokens": 7}),
}


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_each_endpoint_is_the_same_on_both_ways(gateway: Gateway, path: str) -> None:
    vendor, more, document = ENDPOINTS[path]
    case = await gateway.case(vendor=vendor)
    body = json.dumps(members(case, **more)).encode()
    good = whole(document)
    fast = await assert_same(case, good, path=path, body=body, good=good)
    assert not fast.is_handed_over
    assert fast.answer is not None
    assert fast.answer.json() == document
    for odd in (
        b"",
        b"7",
        b"null",
        b"{}",
        b'{"error": {"message": "m"}}',
        b'{"data": [], "choices": [], "results": []}',
    ):
        await assert_same(case, whole(odd), path=path, body=body, good=good)
    await case.assert_invariants()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_another_dialect_there_keeps_a_request_on_the_ground(gateway: Gateway, path: str) -> None:
    vendor = "openai" if path == "/v1/messages" else "anthropic"
    case = await gateway.case(vendor=vendor)
    good = whole(completion() if vendor == "openai" else MESSAGE)
    body = json.dumps(members(case)).encode()
    fast = await ask_once(case, good, path=path, body=body, good=good)
    usual = await ask_once(case, good, path=path, body=body, good=good, headers=UNUSUAL)
    assert (fast.flights, usual.flights) == ([], [])
    ids = [one.answer.json().pop("id") for one in (fast, usual) if one.answer is not None]
    assert len(ids) == 2
    assert fast.seen["rows"] == usual.seen["rows"]


CASES: dict[str, dict[str, Any]] = {
    "another name there": {"alias": "their-name"},
    "a limit of the model": {"max_output_tokens": 50},
    "a price by the call": {"price": {"per_call_usd": "0.01"}},
    "a price of nothing": {"price": {"input_usd_per_million": "0", "output_usd_per_million": "0"}},
    "a dear price": {"price": {"input_usd_per_million": "1.000001", "output_usd_per_million": "77.7"}},
    "a key with a budget": {"budget": 10**9},
    "a vendor with words of its own": {"vendor": "mistral"},
    "a vendor with a shape of its own": {"vendor": "deepseek"},
    "little money": {"usd": 0.001},
}


@pytest.mark.parametrize("what", CASES)
async def test_each_kind_of_account_model_and_vendor_is_the_same_on_both_ways(
    gateway: Gateway, what: str
) -> None:
    case = await gateway.case(**CASES[what])
    fast = await assert_same(case, whole(GOOD))
    assert not fast.is_handed_over
    (row,) = fast.seen["rows"]
    assert (row["cost"] > 0) == (what != "a price of nothing")
    await case.assert_invariants()


async def test_a_choice_of_channels_keeps_requests_on_the_ground(gateway: Gateway) -> None:
    case = await gateway.case(gateway.upstream.url, gateway.upstream.url)
    for headers in ({}, UNUSUAL):
        ended = await ask_once(case, whole(GOOD), headers=headers)
        assert ended.flights == []
        assert ended.answer is not None
        assert ended.answer.status == 200
