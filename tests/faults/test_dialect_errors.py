"""What is refused, by the vendor or by ourselves, in the words of each dialect, and for nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.dialects import (
    CONVERTED,
    DIALECTS,
    PAIRS,
    SAME,
    ask,
    assert_complete,
    assert_refused,
    body_of,
    error_body,
    open_case,
    path_of,
    read_error,
)
from tests.faults.harness import Gateway, running
from tests.faults.raw import CANARY, RawAnswer, call, request
from tests.faults.upstream import stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 64 * 1024
doors = pytest.mark.parametrize("door", DIALECTS)
both_ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway"), max_body_bytes=LIMIT, credit_wait_s=0) as gateway:
        yield gateway


# The vendor's

OURS: dict[str, str] = {
    "401 No": "vendor failed",
    "402 Pay": "vendor failed",
    "403 No": "vendor failed",
    "408 Slow": "vendor slow",
    "429 Slow": "vendor limited",
    "500 Oops": "vendor failed",
    "502 Bad": "vendor failed",
    "503 Busy": "vendor failed",
    "504 Late": "vendor slow",
    "529 Busy": "vendor failed",
    "302 Found": "vendor failed",
}
ABOUT_THE_REQUEST = [400, 404, 409, 413, 415, 422]
SECRET = f"the key {CANARY} of org-7 at http://127.0.0.1:1/v1 is bad"


@both_ways
@pytest.mark.parametrize(("door", "vendor"), PAIRS)
async def test_a_vendors_trouble_with_us_is_told_in_our_words(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    for said, kind in OURS.items():
        case.heal()
        status = int(said[:3])
        more = "retry-after: 7\r\nlocation: http://127.0.0.1:1/elsewhere\r\n"
        gateway.upstream.plays(*whole(error_body(vendor, SECRET, status), said, headers=more))
        answer = await case.call(ask(case, door, is_stream=is_stream))
        message = assert_refused(door, answer, kind)
        assert "org-7" not in message
        assert b"127.0.0.1" not in answer.body
        assert answer.header("retry-after") == ("7" if status == 429 else "")
        assert answer.header("location") == ""
    rows = await case.rows()
    assert {row.cost for row in rows} == {0}
    assert len(rows) == len(OURS)
    await case.assert_invariants()


@both_ways
@pytest.mark.parametrize(("door", "vendor"), SAME)
async def test_what_a_vendor_says_of_the_request_passes_as_it_is(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    for status in ABOUT_THE_REQUEST:
        said = json.dumps(error_body(vendor, "`top_p` is too odd", status) | {"x_new": 1}, indent=1).encode()
        gateway.upstream.plays(*whole(said, f"{status} Bad"))
        answer = await case.call(ask(case, door, is_stream=is_stream))
        assert (answer.status, answer.body) == (status, said)
    assert {(row.cost, row.end_reason) for row in await case.rows()} == {(0, "client_error")}
    await case.assert_invariants()


TYPES = {
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
    404: ("not_found_error", "NOT_FOUND"),
    409: ("conflict_error", "ABORTED"),
    413: ("request_too_large", "INVALID_ARGUMENT"),
    415: ("invalid_request_error", "INVALID_ARGUMENT"),
    422: ("invalid_request_error", "INVALID_ARGUMENT"),
}
WORDS = {"chat": "their_code", "messages": "invalid_request_error", "generate": "INVALID_ARGUMENT"}


@both_ways
@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_what_a_vendor_says_of_the_request_is_told_in_the_callers_shape(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    for status in ABOUT_THE_REQUEST:
        said = f"`top_p` is too odd; {SECRET}"
        gateway.upstream.plays(*whole(error_body(vendor, said, status), f"{status} Bad"))
        answer = await case.call(ask(case, door, is_stream=is_stream))
        assert answer.status == status
        word, message = read_error(door, answer.json())
        assert "`top_p` is too odd" in message
        assert b"127.0.0.1" not in answer.body
        by_status = {"messages": TYPES[status][0], "generate": TYPES[status][1]}
        assert word == by_status.get(door, WORDS[vendor])
    assert {(row.cost, row.end_reason) for row in await case.rows()} == {(0, "client_error")}
    await case.assert_invariants()


ABOUT_OUR_ACCOUNT: list[tuple[str, Any]] = [
    (
        "generate",
        {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
                {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US"},
            ],
        },
    ),
    ("generate", {"code": 400, "message": "API key expired. Please renew it.", "status": "INVALID_ARGUMENT"}),
    (
        "generate",
        {
            "code": 400,
            "message": "User location is not supported for the API use.",
            "status": "FAILED_PRECONDITION",
        },
    ),
    (
        "messages",
        {
            "type": "invalid_request_error",
            "message": "Your credit balance is too low to access the Anthropic API.",
        },
    ),
    ("chat", {"message": "You exceeded your current quota", "code": "insufficient_quota"}),
]


@pytest.mark.parametrize(("vendor", "said"), ABOUT_OUR_ACCOUNT, ids=lambda v: str(v)[:9])
async def test_a_400_about_our_own_account_is_not_the_callers_fault(
    gateway: Gateway, vendor: str, said: Any
) -> None:
    for door in DIALECTS:
        if (door, vendor) not in PAIRS:
            continue
        case = await open_case(gateway, door, vendor)
        gateway.upstream.plays(*whole({"error": said}, "400 Bad"))
        message = assert_refused(door, await case.call(ask(case, door, is_stream=False)), "vendor failed")
        assert said["message"] not in message
        assert (await case.row()).end_reason == "upstream_error"
        await case.assert_invariants()


async def test_the_callers_own_words_in_a_400_are_not_about_our_account(gateway: Gateway) -> None:
    case = await open_case(gateway, "generate", "generate")
    said = error_body("generate", "Invalid value 'API key not valid' at 'x'")
    gateway.upstream.plays(*whole(said, "400 Bad"))
    answer = await case.call(ask(case, "generate", is_stream=False))
    assert (answer.status, answer.json()) == (400, said)
    await case.assert_invariants()


async def test_gemini_says_in_the_body_when_to_try_again(gateway: Gateway) -> None:
    case = await open_case(gateway, "messages", "generate")
    for delay, passed in (("34s", "34"), ("34.07s", "34"), ("soon", ""), ("", "")):
        case.heal()
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
        said = {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": details}}
        gateway.upstream.plays(*whole(said, "429 Slow"))
        answer = await case.call(ask(case, "messages", is_stream=False))
        assert_refused("messages", answer, "vendor limited")
        assert answer.header("retry-after") == passed
    await case.assert_invariants()


# Our own


@both_ways
@doors
async def test_a_bad_key_is_unauthenticated(gateway: Gateway, door: str, is_stream: bool) -> None:
    case = await open_case(gateway, door, door)
    body = json.dumps(body_of(door, case.model, is_stream=is_stream)).encode()
    for headers in ({}, {"authorization": "Bearer sk-nonsense"}, {"x-api-key": ""}, {"x-goog-api-key": "x"}):
        path = path_of(door, case.model, is_stream=is_stream)
        kind = {"content-type": "application/json"}
        assert_refused(door, await call(gateway.port, request("POST", path, headers | kind, body)), "bad key")
    assert await case.rows() == []


@both_ways
@doors
async def test_a_refusal_of_ours_is_in_the_callers_words(
    gateway: Gateway, door: str, is_stream: bool
) -> None:
    """Models that are not there, not allowed or not served; money that is gone."""
    gateway.upstream.plays()
    case = await open_case(gateway, door, door)
    nobody = request_for(case.key, door, "no-such-model", is_stream=is_stream)
    message = assert_refused(door, await case.call(nobody), "unknown model")
    assert "no-such-model" in message
    await case.assert_invariants()
    kinds: dict[str, dict[str, Any]] = {
        "not allowed": {"models": ["other"]},
        "no channel": {"group_name": "other"},
        "no credit": {"usd": 0},
    }
    for kind, more in kinds.items():
        case = await open_case(gateway, door, door, **more)
        answer = await case.call(ask(case, door, is_stream=is_stream))
        assert_refused(door, answer, kind)
        assert answer.header("retry-after") == ("30" if kind == "no channel" else "")
        if kind == "no credit":
            assert answer.header("x-should-retry") == "false"
        assert {row.cost for row in await case.rows()} == {0}
        await case.assert_invariants()
    assert gateway.upstream.seen == []


def request_for(key: str, door: str, model: str, *, is_stream: bool) -> bytes:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    body = json.dumps(body_of(door, model, is_stream=is_stream)).encode()
    return request("POST", path_of(door, model, is_stream=is_stream), headers, body)


BROKEN = [b"", b"   ", b"{", b"[1]", b"null", b'"x"', b'{"a":1}}', b'{"a":NaN}', b"\xff\xfe{}", b'{"a":1,}']


@pytest.mark.parametrize(("door", "vendor"), PAIRS)
async def test_a_body_that_is_no_json_object_is_a_bad_request(
    gateway: Gateway, door: str, vendor: str
) -> None:
    gateway.upstream.plays(*whole(DIALECTS[vendor].whole))
    case = await open_case(gateway, door, vendor)
    for body in BROKEN:
        answer = await case.call(ask(case, door, is_stream=False, body=body))
        assert_refused(door, answer, "bad request")
    assert gateway.upstream.seen == []
    assert {(row.cost, row.end_reason) for row in await case.rows()} == {(0, "client_error")}
    await case.assert_invariants()


WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {
    "chat": [
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"model": 7}, "model"),
    ],
    "messages": [
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream": 1}, "stream"),
        ({"model": None}, "model"),
    ],
    "responses": [
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"model": []}, "model"),
    ],
    "generate": [
        ({"generationConfig": {"maxOutputTokens": "many"}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": 7}, "generationConfig"),
        ({"generation_config": {"candidate_count": -1}}, "generation_config.candidate_count"),
    ],
}


@doors
async def test_a_member_of_the_wrong_kind_is_named(gateway: Gateway, door: str) -> None:
    gateway.upstream.plays(*whole(DIALECTS[door].whole))
    case = await open_case(gateway, door, door)
    for members, name in WRONG[door]:
        answer = await case.call(ask(case, door, is_stream=False, **members))
        assert answer.status == 400, members
        _, message = read_error(door, answer.json())
        assert f"`{name}`" in message
        if door in ("chat", "responses"):
            assert answer.json()["error"]["param"] == name
    assert gateway.upstream.seen == []
    assert {(row.cost, row.end_reason) for row in await case.rows()} == {(0, "client_error")}
    await case.assert_invariants()


WRONG_CONVERTED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "chat": [
        ({"messages": "Hi"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"tools": {}}, "tools"),
        ({"temperature": "hot"}, "temperature"),
    ],
    "messages": [
        ({"messages": "Hi"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"system": 7}, "system"),
        ({"temperature": "hot"}, "temperature"),
    ],
    "responses": [
        ({"input": 7}, "input"),
        ({"input": [7]}, "input[0]"),
        ({"instructions": 7}, "instructions"),
        ({"tools": {}}, "tools"),
        ({"temperature": "hot"}, "temperature"),
    ],
    "generate": [
        ({"contents": 7}, "contents"),
        ({"contents": [7]}, "contents[0]"),
        ({"contents": [{"role": "user", "parts": [7]}]}, "contents[0].parts[0]"),
        ({"tools": 7}, "tools"),
        ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
    ],
}


@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_what_cannot_be_converted_is_named(gateway: Gateway, door: str, vendor: str) -> None:
    gateway.upstream.plays(*whole(DIALECTS[vendor].whole))
    case = await open_case(gateway, door, vendor)
    for members, name in WRONG_CONVERTED[door]:
        answer = await case.call(ask(case, door, is_stream=False, **members))
        assert answer.status == 400, (members, answer.body)
        _, message = read_error(door, answer.json())
        assert f"{name}`" in message
        if door in ("chat", "responses"):
            assert answer.json()["error"]["param"] == name
    assert gateway.upstream.seen == []
    assert {(row.cost, row.end_reason) for row in await case.rows()} == {(0, "client_error")}
    await case.assert_invariants()


ODD: dict[str, bytes] = {
    "invalid UTF-8": b'"x":"\xff\xfe"',
    "half of a surrogate pair": b'"x":"\\ud800"',
    "a number beyond doubles": b'"x":1e400',
    "depth": b'"x":' + b"[" * 20_000 + b"]" * 20_000,
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize(("door", "vendor"), PAIRS)
async def test_an_odd_body_is_answered_or_refused_and_never_a_fault_of_ours(
    gateway: Gateway, door: str, vendor: str, what: str
) -> None:
    gateway.upstream.plays(*whole(DIALECTS[vendor].whole))
    case = await open_case(gateway, door, vendor)
    plain = json.dumps(body_of(door, case.model, is_stream=False)).encode()
    answer = await case.call(ask(case, door, is_stream=False, body=plain[:-1] + b"," + ODD[what] + b"}"))
    if answer.status != 200:
        assert_refused(door, answer, "bad request")
    await case.assert_invariants()


@doors
async def test_too_large_a_body_is_said_to_be_so(gateway: Gateway, door: str) -> None:
    case = await open_case(gateway, door, door)
    answer = await call(gateway.port, ask(case, door, is_stream=False, x="a" * LIMIT))
    assert_refused(door, answer, "too large")
    await case.assert_invariants()


@doors
async def test_a_limit_says_when_to_try_again(gateway: Gateway, door: str) -> None:
    case = await open_case(gateway, door, door, rpm=1)
    gateway.upstream.plays(*whole(DIALECTS[door].whole))
    assert_complete(door, await case.call(ask(case, door, is_stream=False)), is_stream=False)
    answer = await case.call(ask(case, door, is_stream=False))
    assert_refused(door, answer, "limited")
    assert 1 <= int(answer.header("retry-after")) <= 60
    assert {row.end_reason for row in await case.rows()} == {"ok", "limited"}
    await case.assert_invariants()


# What cannot be carried

LOST: dict[str, dict[str, dict[str, Any]]] = {
    "chat": {"messages": {"logit_bias": {"1": 1}}, "generate": {"logit_bias": {"1": 1}}},
    "messages": {"chat": {"top_k": 5}, "generate": {"metadata": {"user_id": "u"}}},
    "responses": {
        "chat": {"truncation": "auto"},
        "messages": {"truncation": "auto"},
        "generate": {"truncation": "auto"},
    },
    "generate": {
        "chat": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        "messages": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
    },
}


@both_ways
@pytest.mark.parametrize(("door", "vendor"), CONVERTED)
async def test_what_cannot_be_carried_is_named_or_refused(
    gateway: Gateway, door: str, vendor: str, is_stream: bool
) -> None:
    members = LOST[door][vendor]
    (name,) = members
    dialect = DIALECTS[vendor]
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*(stream(*dialect.events) if is_stream else whole(dialect.whole)))
    answer = await case.call(ask(case, door, is_stream=is_stream, **members))
    assert_complete(door, answer, is_stream=is_stream)
    assert f"$.{name}" in answer.header("x-pronghorn-dropped")
    gateway.upstream.seen = []
    strict = {"x-pronghorn-strict": "1"}
    answer = await case.call(ask(case, door, is_stream=is_stream, headers=strict, **members))
    assert strictly_refused(door, answer, name)
    assert gateway.upstream.seen == []
    answer = await case.call(ask(case, door, is_stream=is_stream, headers=strict))
    assert_complete(door, answer, is_stream=is_stream)
    assert answer.header("x-pronghorn-dropped") == ""
    assert sorted(row.end_reason for row in await case.rows()) == ["ok", "ok", "refused_strict"]
    await case.assert_invariants()


def strictly_refused(door: str, answer: RawAnswer, name: str) -> bool:
    assert (answer.status, answer.is_whole) == (400, True)
    word, message = read_error(door, answer.json())
    assert word in ("unsupported_parameter", "invalid_request_error", "INVALID_ARGUMENT")
    if door in ("chat", "responses"):
        assert answer.json()["error"]["param"] == name
    return f"$.{name}" in message


@doors
async def test_the_same_dialect_loses_nothing_and_is_never_refused_for_it(
    gateway: Gateway, door: str
) -> None:
    case = await open_case(gateway, door, door)
    gateway.upstream.plays(*whole(DIALECTS[door].whole))
    odd: dict[str, Any] = {"x_new": 1}
    answer = await case.call(ask(case, door, is_stream=False, headers={"x-pronghorn-strict": "1"}, **odd))
    assert_complete(door, answer, is_stream=False)
    assert answer.header("x-pronghorn-dropped") == ""
    assert gateway.upstream.seen[0].json()["x_new"] == 1
    await case.assert_invariants()
