"""`Idempotency-Key` at the door: one execution and one charge, whatever the caller, the vendor or the server does."""

import asyncio
import json
import urllib.parse
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update
from tests.faults import raw
from tests.faults.dialects import COST, DIALECTS, ask, read_error
from tests.faults.harness import Case, Gateway
from tests.faults.raw import CANARY, RawAnswer, request
from tests.faults.upstream import (
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    Step,
    chunk,
    completion,
    stream,
    whole,
)
from tests.process import Installation

from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = {"idempotency-key": "order-1"}
doors = pytest.mark.parametrize("door", DIALECTS)


async def call(case: Case, data: bytes) -> RawAnswer:
    """Not remembered by the case: a replay has no row of its own."""
    return await raw.call(case.gateway.port, data)


async def chat(case: Case, key: str = "order-1", **more: Any) -> RawAnswer:
    body = json.loads(case.chat_request(**more).partition(b"\r\n\r\n")[2])
    return await call(case, case.post("/v1/chat/completions", json.dumps(body).encode(), idempotency_key=key))


def answered(*steps: Step) -> tuple[asyncio.Event, tuple[Step, ...]]:
    """A vendor that waits for the event before it says anything."""
    may_answer = asyncio.Event()
    return may_answer, (may_answer, *steps)


def said(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, "" if answer.status == 200 else str(answer.error["code"])


def is_replay(answer: RawAnswer) -> bool:
    return answer.header("x-pronghorn-idempotent-replay") == "true"


# One execution


async def test_a_repetition_is_answered_the_same_and_costs_nothing(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    first, second, third = [await chat(case) for _ in range(3)]
    assert said(first) == (200, "") and not is_replay(first)
    for again in (second, third):
        assert (again.status, again.body, is_replay(again)) == (200, first.body, True)
        assert sorted(set(again.headers) - set(first.headers)) == [("x-pronghorn-idempotent-replay", "true")]
        assert set(first.headers) <= set(again.headers)
    assert first.header("x-pronghorn-cost")
    assert len(case.gateway.upstream.seen) == 1
    row = await case.row()
    assert (row.id, row.cost) == (first.header("x-request-id"), COST)


async def test_of_fifty_at_once_one_reaches_the_vendor(case: Case) -> None:
    may_answer, steps = answered(*whole(completion()))
    case.gateway.upstream.plays(*steps)
    waiting = {asyncio.ensure_future(chat(case)) for _ in range(50)}
    refused: Counter[tuple[int, str, str]] = Counter()
    while len(waiting) > 1:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for answer in (task.result() for task in done):
            refused[*said(answer), answer.header("retry-after")] += 1
    assert refused == {(409, "idempotency_running", "1"): 49}
    may_answer.set()
    (first,) = await asyncio.gather(*waiting)
    again = await asyncio.gather(*(chat(case) for _ in range(50)))
    assert {(answer.status, answer.body, is_replay(answer)) for answer in again} == {(200, first.body, True)}
    assert len(case.gateway.upstream.seen) == 1
    assert (await case.row()).cost == COST


async def test_another_account_may_use_the_same_key(gateway: Gateway, case: Case) -> None:
    gateway.upstream.plays(*whole(completion()))
    other = await gateway.case()
    other.model = case.model
    first, theirs = await chat(case), await chat(other)
    assert said(theirs) == (200, "") and not is_replay(theirs)
    assert theirs.header("x-request-id") != first.header("x-request-id")
    assert [row.cost for row in (await case.row(), await other.row())] == [COST, COST]


async def test_an_old_answer_outlives_the_rate_limits_of_its_moment(gateway: Gateway) -> None:
    case = await gateway.case(rpm=1)
    gateway.upstream.plays(*whole(completion()))
    first, again, other = await chat(case), await chat(case), await chat(case, "order-2")
    assert first.header("x-ratelimit-limit-requests") == "1"
    assert again.header("x-ratelimit-limit-requests") == ""
    assert (said(again), said(other)) == ((200, ""), (429, "rate_limit_exceeded"))
    await case.assert_invariants()


async def test_what_was_dropped_is_named_again(gateway: Gateway) -> None:
    case = await gateway.case(vendor="anthropic")
    gateway.upstream.plays(*whole(DIALECTS["messages"].whole))
    first, again = [await chat(case, logit_bias={"50256": -100}) for _ in range(2)]
    assert first.header("x-pronghorn-dropped") == again.header("x-pronghorn-dropped") == "$.logit_bias"
    assert again.body == first.body


@pytest.mark.parametrize("prefix", ["/v1", "", "/v1/v1"])
async def test_a_route_is_the_same_however_it_is_spelled(case: Case, prefix: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = case.chat_request().partition(b"\r\n\r\n")[2]
    await chat(case)
    again = await call(case, case.post(f"{prefix}/chat/completions", body, idempotency_key="order-1"))
    assert is_replay(again)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\xe9", "tab\there"], ids=repr)
async def test_an_odd_key_is_a_400(case: Case, key: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    answer = await chat(case, key)
    assert said(answer) == (400, "invalid_request_error")
    assert answer.error["param"] == "Idempotency-Key"
    assert case.gateway.upstream.seen == []


async def test_the_longest_key_is_fine_and_no_vendor_sees_it(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    key = "~" * 255
    assert said(await chat(case, key)) == (200, "")
    assert is_replay(await chat(case, key))
    (seen,) = case.gateway.upstream.seen
    assert "idempotency-key" not in dict(seen.headers)


# Words


def shape(door: str, answer: RawAnswer) -> tuple[int, str]:
    word, message = read_error(door, answer.json())
    assert answer.header("x-request-id") in message
    return answer.status, word


RUNNING = {"chat": "idempotency_running", "messages": "conflict_error", "generate": "ABORTED"}
MISMATCH = {
    "chat": "idempotency_mismatch",
    "messages": "invalid_request_error",
    "generate": "INVALID_ARGUMENT",
}
STREAMED = RUNNING | {"chat": "already_streamed"}


@doors
async def test_each_dialect_says_that_the_first_still_runs_and_that_the_body_changed(
    gateway: Gateway, door: str
) -> None:
    case = await gateway.case(vendor=DIALECTS[door].vendor)
    may_answer, steps = answered(*whole(DIALECTS[door].whole))
    gateway.upstream.plays(*steps)
    same = ask(case, door, is_stream=False, headers=KEY)
    other = ask(case, door, is_stream=False, headers=KEY, temperature=0.5)
    words = "chat" if door == "responses" else door
    running = asyncio.ensure_future(call(case, same))
    await gateway.upstream.reached()
    refused = await call(case, same)
    assert (*shape(door, refused), refused.header("retry-after")) == (409, RUNNING[words], "1")
    assert shape(door, await call(case, other)) == (422, MISMATCH[words])
    may_answer.set()
    first, again = await running, await call(case, same)
    assert (again.status, again.body) == (first.status, first.body) and first.status == 200
    assert again.header("request-id") == first.header("request-id")
    assert shape(door, await call(case, other)) == (422, MISMATCH[words])
    assert (await case.row()).cost == COST
    await case.assert_invariants()


@doors
async def test_a_streamed_answer_is_not_repeated(gateway: Gateway, door: str) -> None:
    case = await gateway.case(vendor=DIALECTS[door].vendor)
    gateway.upstream.plays(*stream(*DIALECTS[door].events))
    data = ask(case, door, is_stream=True, headers=KEY)
    first, again = await call(case, data), await call(case, data)
    assert (first.status, first.is_whole) == (200, True)
    assert shape(door, again) == (409, STREAMED["chat" if door == "responses" else door])
    assert len(gateway.upstream.seen) == 1
    assert (await case.row()).cost == COST


async def test_the_two_ways_to_ask_gemini_share_a_key(gateway: Gateway) -> None:
    case = await gateway.case(vendor="gemini")
    gateway.upstream.plays(*whole(DIALECTS["generate"].whole))
    assert (await call(case, ask(case, "generate", is_stream=False, headers=KEY))).status == 200
    streamed = await call(case, ask(case, "generate", is_stream=True, headers=KEY))
    assert shape("generate", streamed) == (422, "INVALID_ARGUMENT")


# Failures


@pytest.mark.parametrize("status", ["400 Bad", "429 Slow", "500 Oops", "503 Busy"])
async def test_after_a_failure_the_key_is_free(case: Case, status: str) -> None:
    case.gateway.upstream.plays(*whole({"error": {"message": "no"}}, status))
    assert (await chat(case)).status >= 400
    case.heal()
    case.gateway.upstream.plays(*whole(completion()))
    assert said(await chat(case)) == (200, "")
    assert is_replay(await chat(case))
    assert Counter(row.cost for row in await case.rows()) == {0: 1, COST: 1}


async def test_after_our_own_refusal_the_key_is_free(gateway: Gateway) -> None:
    case = await gateway.case(usd=0)
    gateway.upstream.plays(*whole(completion()))
    assert said(await chat(case)) == (402, "insufficient_quota")
    await gateway.pay(case.account, 10**9)
    assert said(await chat(case)) == (200, "")
    await case.assert_invariants()


async def test_a_stream_that_fails_before_its_content_frees_the_key(case: Case) -> None:
    case.gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), End.CLOSE)
    assert (await chat(case, stream=True)).status == 502
    case.heal()
    case.gateway.upstream.plays(*stream())
    assert (await chat(case, stream=True)).is_whole
    assert Counter(row.cost for row in await case.rows()) == {0: 1, COST: 1}


async def test_a_stream_that_was_cut_after_content_is_not_done_again(case: Case) -> None:
    case.gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), chunk(ONE), End.CLOSE)
    cut = await chat(case, stream=True)
    assert (cut.status, cut.is_whole) == (200, False)
    assert said(await chat(case, stream=True)) == (
        409,
        "idempotency_running",
    )  # its row is not in the log yet
    assert (await case.row()).cost > 0
    assert said(await chat(case, stream=True)) == (409, "already_streamed")
    assert len(case.gateway.upstream.seen) == 1


async def test_a_caller_that_left_before_anything_came_may_ask_again(case: Case) -> None:
    data = case.post("/v1/chat/completions", case.chat_request().partition(b"\r\n\r\n")[2], **KEY)
    case.gateway.upstream.plays(End.SILENT)
    async with case.open(data):
        seen = await case.gateway.upstream.reached()
    await asyncio.wait_for(seen.closed.wait(), 5)
    await case.rows()  # it has ended
    case.gateway.upstream.plays(*whole(completion()))
    assert said(await call(case, data)) == (200, "")
    assert Counter(row.cost for row in await case.rows()) == {0: 1, COST: 1}


async def test_an_answer_that_the_caller_did_not_wait_for_is_there_when_it_asks_again(case: Case) -> None:
    """The connection is lost while the answer is on its way: what was charged is delivered."""
    case.gateway.upstream.plays(*whole(completion()))
    data = case.post("/v1/chat/completions", case.chat_request().partition(b"\r\n\r\n")[2], **KEY)
    async with case.open(data) as connection:
        await connection.reader.readexactly(12)
    again = await call(case, data)
    assert is_replay(again) and again.json() == completion()
    assert (await case.row()).cost == COST


@pytest.mark.parametrize(("size", "code"), [(900_000, ""), (1_100_000, "answer_not_kept")])
async def test_more_than_a_mebibyte_is_not_kept_and_not_done_again(case: Case, size: int, code: str) -> None:
    case.gateway.upstream.plays(*whole(completion("x" * size)))
    first, again = await chat(case), await chat(case)
    assert first.status == 200 and len(first.body) > size
    assert said(again) == ((409, code) if code else (200, ""))
    if not code:
        assert again.body == first.body
    assert len(case.gateway.upstream.seen) == 1
    await case.rows()


# Other routes


def form(case: Case, sound: bytes, boundary: str) -> bytes:
    parts = [("model", "", case.model.encode()), ("file", '; filename="a.mp3"', sound)]
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, more, data in parts
    )
    body += f"--{boundary}--\r\n".encode()
    headers = {
        "authorization": f"Bearer {case.key}",
        "content-type": f"multipart/form-data; boundary={boundary}",
    }
    return request("POST", "/v1/audio/transcriptions", headers | KEY, body)


async def test_an_upload_is_known_by_its_length(case: Case) -> None:
    inner = case.gateway.inner
    async with inner.database.write() as tx:
        hears = update(tables.Model).where(tables.Model.name == case.model)
        await tx.execute(hears.values(capabilities=["transcription"]))
        await revision.bump(tx)
    await inner.loader.refresh()
    case.gateway.upstream.plays(*whole({"text": "hello there"}))
    first = await call(case, form(case, b"a" * 1_000, "b0undary-1"))
    again = await call(case, form(case, b"a" * 1_000, "b0undary-2"))
    longer = await call(case, form(case, b"a" * 1_001, "b0undary-3"))
    assert (again.status, again.body, is_replay(again)) == (200, first.body, True)
    assert said(longer) == (422, "idempotency_mismatch")
    assert len(case.gateway.upstream.seen) == 1
    await case.rows()


async def test_a_response_in_the_background_is_begun_once(case: Case) -> None:
    case.gateway.upstream.plays(*stream(*DIALECTS["responses"].events))
    body = {"model": case.model, "input": "Hi", "background": True, "max_output_tokens": 100}
    data = case.post("/v1/responses", json.dumps(body).encode(), **KEY)
    first, again = await call(case, data), await call(case, data)
    assert (first.status, first.json()["status"]) == (200, "queued")
    assert is_replay(again) and again.json() == first.json()
    await case.gateway.upstream.reached()
    assert [row.cost for row in await case.rows()] == [COST]
    assert len(case.gateway.upstream.seen) == 1


async def test_a_stored_response_is_the_same_one(case: Case) -> None:
    case.gateway.upstream.plays(*whole(DIALECTS["responses"].whole))
    data = case.post("/v1/responses", json.dumps({"model": case.model, "input": "Hi"}).encode(), **KEY)
    first, again = await call(case, data), await call(case, data)
    assert is_replay(again) and again.body == first.body
    assert len(await case.rows()) == 1


async def test_client_secrets_are_made_anew(gateway: Gateway, case: Case) -> None:
    body = json.dumps({"session": {"type": "realtime", "model": case.model}}).encode()
    data = case.post("/v1/realtime/client_secrets", body, **KEY)
    first, again = await call(case, data), await call(case, data)
    assert (first.status, again.status) == (200, 200)
    assert first.json()["value"] != again.json()["value"]


# A process that is killed


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


class Killed:
    """The real processes, with one caller."""

    def __init__(self, installation: Installation, url: str) -> None:
        self.installation = installation
        channel = {"name": "v", "vendor": "openai", "base_url": url, "credentials": [CANARY], "models": ["m"]}
        installation.manage("POST", "/channels", channel)
        price = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
        installation.manage("PUT", "/prices/m", price)
        self.account = installation.manage("POST", "/accounts", {"name": "a"})["id"]
        money = {"amount_usd": "10", "note": "n"}
        installation.manage("POST", f"/accounts/{self.account}/adjust", money)
        key = {"account_id": self.account, "name": "k", "mode": "live"}
        self.key = installation.manage("POST", "/keys", key)["key"]

    async def chat(self) -> RawAnswer:
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"} | KEY
        port = urllib.parse.urlsplit(self.installation.base_url).port
        assert port is not None
        return await raw.call(
            port, request("POST", "/v1/chat/completions", headers, json.dumps(body).encode())
        )

    def costs(self) -> list[str]:
        found = self.installation.wait_for_requests(account_id=self.account)
        return sorted(row["cost_usd"] for row in found)


@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="function")
async def test_kill_9_neither_locks_a_key_nor_bills_it_twice(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    installation = Installation(tmp_path, "--no-sandbox")
    try:
        await asyncio.to_thread(installation.start)
        killed = await asyncio.to_thread(Killed, installation, upstream.url)
        upstream.plays(End.SILENT)
        running = asyncio.ensure_future(killed.chat())
        await upstream.reached()
        installation.kill()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await running
        await asyncio.to_thread(installation.start)
        upstream.plays(*whole(completion()))
        first = await killed.chat()
        assert said(first) == (200, "") and not is_replay(first)
        installation.kill()
        await asyncio.to_thread(installation.start)
        again = await killed.chat()
        assert (again.status, again.body, is_replay(again)) == (200, first.body, True)
        assert again.header("x-request-id") == first.header("x-request-id")
        assert len(upstream.seen) == 1
        assert await asyncio.to_thread(killed.costs) == ["0.00002"]
    finally:
        await asyncio.to_thread(installation.close)
