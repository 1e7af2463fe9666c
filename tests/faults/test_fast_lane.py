"""The fast lane and the usual way are one to everybody: what the caller gets, what is charged, what is written down.

Each answer of a vendor is met once on either way, and everything that can be seen of it is compared.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.faults import raw
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer, RawConnection
from tests.faults.upstream import Seen, Step, completion, whole

from pronghorn.relay.fast_lane import Flight
from pronghorn.routing import Candidate

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN: dict[str, str] = {}
UNUSUAL = {"x_pronghorn_strict": "0"}
"""Asks for nothing, and sends a request the usual way."""
OWN = frozenset(("id", "created_ms", "posted_ms", "duration_ms", "first_byte_ms"))
"""Columns that no two requests have in common."""
QUIET_S = 10.0

Script = Sequence[Step] | Callable[[Seen], Sequence[Step]]
Ask = Callable[[RawConnection], Awaitable[RawAnswer | None]]


# How a request is sent on either way


@contextlib.contextmanager
def watched(gateway: Gateway) -> Iterator[list[Flight]]:
    """The flights that begin meanwhile. One without a `handle` was never handed over."""
    lane, flights = gateway.inner.asgi._relay.fast_lane, list[Flight]()
    begin = lane.begin

    def noted(*given: Any) -> Flight | None:
        flight = begin(*given)
        if flight is not None:
            flights.append(flight)
        return flight

    vars(lane)["begin"] = noted
    try:
        yield flights
    finally:
        vars(lane)["begin"] = begin


def candidate_of(case: Case) -> Candidate:
    tier, *_ = case.gateway.inner.loader.snapshot.tiers(case.model, case.grant.group)
    (candidate,) = tier.channels[0].candidates
    return candidate


async def quiet(case: Case) -> None:
    """Nothing of any request is left: no count, no hold, no connection that nobody will use."""
    inner, grant, candidate = case.gateway.inner, case.grant, candidate_of(case)
    client, crowd = inner.client, inner.asgi._relay.crowd
    async with asyncio.timeout(QUIET_S):
        while grant.meter.open_requests or crowd.open or client._deadlines:
            await asyncio.sleep(0)
    assert grant.purse.held == 0
    assert (candidate.pool.open_calls, candidate.credential.open_calls) == (0, 0)
    idle = sum(len(waiting) for waiting in client._idle.values())
    assert client.open_connections() == sum(client._counts.values()) == idle


def plays(gateway: Gateway, script: Script) -> None:
    gateway.upstream.plays()
    if callable(script):
        gateway.upstream.choose = script
    else:
        gateway.upstream.plays(*script)


def in_turn(gateway: Gateway, *scripts: Sequence[Step]) -> Script:
    """One script for each call of the vendor, the last one for all that follow."""
    return lambda _: scripts[min(len(gateway.upstream.seen), len(scripts)) - 1]


@dataclass
class Outcome:
    """All that anybody can see of one request, but for ids and times."""

    answer: RawAnswer | None
    flights: list[Flight]
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def is_handed_over(self) -> bool:
        (flight,) = self.flights
        return flight.handle is not None


async def settled(case: Case, answer: RawAnswer | None, known: set[str], gateway: Gateway) -> dict[str, Any]:
    """What is left of a request, in memory and on the disk."""
    await quiet(case)
    new = [row for row in await case.rows() if row.id not in known]
    shown: dict[str, Any] = {"rows": []}
    for row in new:
        columns = {name: value for name, value in row._mapping.items() if name not in OWN}
        columns["attempts"] = [one | {"duration_ms": 0} for one in row.attempts]
        columns["error"] = row.error.replace(row.id, "ID")
        shown["rows"].append(columns)
        assert 0 <= row.cost <= row.hold
    if answer is not None:
        assert [row.id for row in new] in ([], [answer.header("x-request-id")])
        request_id = answer.header("x-request-id")
        lines = [(name, value.replace(request_id, "ID")) for name, value in answer.headers]
        shown["answer"] = answer.status, sorted(lines), answer.is_whole
        shown["body"] = answer.body.replace(request_id.encode(), b"ID")
    candidate = candidate_of(case)
    shown["health"] = [
        (one.cause, one._row, one._times, bool(one.until_s)) for one in (candidate.pool, candidate.credential)
    ]
    shown["calls"] = [(seen.method, seen.path, seen.headers, seen.body) for seen in gateway.upstream.seen]
    return shown


def counted(gateway: Gateway) -> Counter[Any]:
    """What is shown of all requests together."""
    metrics = gateway.inner.metrics
    tokens = [metrics.input_tokens, metrics.output_tokens]
    found: Counter[Any] = Counter(dict(metrics.requests))
    for place, counts in enumerate(tokens):
        found.update({(place, name): count for name, count in counts.items()})
    return found


async def first_answer(connection: RawConnection) -> RawAnswer:
    return await connection.answer()


async def ask_once(
    case: Case,
    script: Script,
    *,
    path: str = "/v1/chat/completions",
    first: bytes | None = None,
    body: bytes | None = None,
    good: Sequence[Step] = (),
    then: Ask = first_answer,
    headers: Mapping[str, str] = PLAIN,
) -> Outcome:
    """`body`, on a connection whose head is known and with a vendor's connection that waits for it.

    `first` is the request before it, which the vendor answers with `good`; `then` reads the answer.
    """
    gateway = case.gateway
    if body is None:
        body = case.chat_request().partition(b"\r\n\r\n")[2]
    plays(gateway, good or whole(completion()))
    async with raw.connect(gateway.port) as connection:
        await connection.send(case.post(path, body if first is None else first, **headers))
        primed = await connection.answer()
        assert primed.status == 200, primed.body
        case.ids.append(primed.header("x-request-id"))
        known = {row.id for row in await case.rows()}
        plays(gateway, script)
        before = counted(gateway)
        with watched(gateway) as flights:
            await connection.send(case.post(path, body, **headers))
            answer = await then(connection)
    seen = await settled(case, answer, known, gateway)
    seen["counted"] = counted(gateway) - before
    case.heal()
    return Outcome(answer, flights, seen)


async def assert_same(case: Case, script: Script, **how: Any) -> Outcome:
    """Ask on both ways. Gives what came of it on the fast lane, which took it."""
    usual = await ask_once(case, script, **how, headers=UNUSUAL)
    assert usual.flights == []
    fast = await ask_once(case, script, **how)
    assert len(fast.flights) == 1, "the fast lane did not take it"
    assert fast.seen == usual.seen
    return fast


def refusal(status: str, headers: str = "", **error: Any) -> tuple[bytes]:
    document = {"error": {"message": "m", "type": "t", "code": "c"} | error}
    return whole(document, status, headers=headers)


async def test_the_second_request_of_a_connection_flies_unless_it_asks_for_more(case: Case) -> None:
    fast = await assert_same(case, whole(completion("one")))
    assert not fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status, fast.answer.json()) == (200, completion("one"))
    (row,) = fast.seen["rows"]
    assert (row["end_reason"], row["status"], row["cost"], row["finish"]) == ("ok", 200, 20_000, "stop")


async def test_what_is_handed_over_is_sent_once(case: Case) -> None:
    fast = await assert_same(case, whole(completion("one", usage=None)))
    assert fast.is_handed_over
    assert len(fast.seen["calls"]) == 1


async def test_each_difference_is_seen(case: Case) -> None:
    """Of what the vendor says, what it is sent and what is charged: or the rest of these tests would prove nothing."""
    usage = {"prompt_tokens": 11, "completion_tokens": 5}
    one = await ask_once(case, whole(completion()))
    for script in (
        whole(completion("other")),
        whole(completion(usage=usage)),
        whole(completion(), "201 Made"),
    ):
        assert (await ask_once(case, script)).seen != one.seen
    assert (await ask_once(case, whole(completion()), headers={"x_title": "t"})).seen != one.seen
    assert (await ask_once(case, whole(completion()))).seen == one.seen
