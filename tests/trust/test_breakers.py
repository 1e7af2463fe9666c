"""One dead channel of three: how much of the traffic still meets it, and how soon it has its share again."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import (
    DONE,
    FINISH,
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
from tests.trust.stand import arrange, assert_ready, channels_of, empty_pool, in_turn, say
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn.errors import UpstreamError
from pronghorn.routing import Snapshot, plan
from pronghorn.routing.health import FAULT_S, FAULTS_IN_A_ROW
from pronghorn.routing.plan import judge

SHARE = 0.01
BACK_S = 30.0
FAIR = 1 / 3


class Traffic:
    """Requests at a steady rate over three equal channels, by a clock that moves only here. `a` may be dead."""

    def __init__(self, per_s: float) -> None:
        self.channels = [channel(name) for name in "abc"]
        self.known: Snapshot = snapshot(channels=self.channels)
        self.step_s = 1 / per_s
        self.now_s = 100.0
        self.lost = 0
        """Requests that nobody could answer."""

    def run(self, seconds: float, *, is_dead: bool) -> tuple[int, int]:
        """How many requests there were, and how many of them met `a`."""
        requests, met, end_s = 0, 0, self.now_s + seconds
        while self.now_s < end_s:
            requests += 1
            met += self._one(is_dead)
            self.now_s += self.step_s
        return requests, met

    def _one(self, is_dead: bool) -> bool:
        has_met = False
        for candidate in plan(self.known, grant(), model(), "chat", now_s=self.now_s):
            candidate.begin(self.now_s)
            is_a = candidate.channel.id == "a"
            has_met |= is_a
            failure = UpstreamError() if is_a and is_dead else None
            judge(candidate, failure, self.now_s)
            if failure is None:
                return has_met
        self.lost += 1
        return has_met

    def seconds_until_fair(self) -> float:
        begun_s = self.now_s
        while True:
            requests, met = self.run(1.0, is_dead=False)
            if met >= 0.8 * FAIR * requests:
                return self.now_s - begun_s


@pytest.mark.parametrize(("per_s", "seconds"), [(10, 600), (100, 300), (1_000, 40)])
def test_a_dead_channel_meets_less_than_one_request_in_a_hundred(per_s: float, seconds: float) -> None:
    random.seed(20261126)
    traffic = Traffic(per_s)
    failures = 0
    while failures < FAULTS_IN_A_ROW:
        failures += traffic.run(traffic.step_s, is_dead=True)[1]
    requests, met = traffic.run(seconds, is_dead=True)
    print(f"\n{per_s} a second: {met} of {requests} requests met it, {met / requests:.2%}")
    assert met / requests < SHARE
    assert traffic.lost == 0


def test_a_healed_channel_has_its_share_within_half_a_minute() -> None:
    """Whenever it heals: between two trials or just before one."""
    random.seed(20261126)
    waits = []
    for _ in range(20):
        traffic = Traffic(50)
        traffic.run(60 + random.random() * 15, is_dead=True)
        waits.append(traffic.seconds_until_fair())
    print(f"\nback after {min(waits):.0f} to {max(waits):.0f} s")
    assert max(waits) <= BACK_S


def test_failures_of_calls_that_were_under_way_close_a_channel_once() -> None:
    """Fifty calls are open when the vendor dies: that is one death, and its first rest is the shortest."""
    known = snapshot(channels=[channel("a")])
    candidates = [next(plan(known, grant(), model(), "chat", now_s=100.0)) for _ in range(50)]
    for candidate in candidates:
        candidate.begin(100.0)
    for number, candidate in enumerate(candidates):
        judge(candidate, UpstreamError(), 100.0 + number / 1000)
    assert known.channels[0].vitals.channel.until_s <= 100.0 + FAULT_S + 0.05


# The same on sockets


@pytest_asyncio.fixture(loop_scope="module")
async def vendors() -> AsyncIterator[list[ScriptedUpstream]]:
    found = [await ScriptedUpstream().start() for _ in range(3)]
    for vendor in found:
        vendor.plays(*whole(completion()))
    yield found
    for vendor in found:
        await vendor.close()


async def ask(case: Case, count: int) -> None:
    answers = await in_turn(count, 4, lambda _: say(case))
    assert {answer.status for answer in answers} == {200}


async def ask_until_healed(case: Case, dead: int) -> float:
    begun = time.monotonic()
    health = channels_of(case)[dead].vitals.channel
    while health.until_s:
        assert time.monotonic() - begun < BACK_S
        await ask(case, 10)
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.asyncio(loop_scope="module")
async def test_no_caller_notices_a_vendor_that_dies_and_comes_back(
    gateway: Gateway, vendors: list[ScriptedUpstream]
) -> None:
    case = await gateway.case(*(vendor.url for vendor in vendors))
    await arrange(case)
    dead = vendors[1]
    dead.plays(*whole({"error": {"message": "m"}}, "500 Oops"))
    await ask(case, 100)
    assert FAULTS_IN_A_ROW <= len(dead.seen) <= FAULTS_IN_A_ROW + 6  # four at once, and a trial or two
    dead.plays(*whole(completion()))
    healed_s = await ask_until_healed(case, 1)
    print(f"\nthe first request was let through after {healed_s:.1f} s")
    assert healed_s <= BACK_S
    assert dead.seen
    await case.assert_invariants()
    await assert_ready(gateway)


COUNTED: dict[str, tuple[bool, tuple[Step, ...]]] = {
    "500": (False, whole({"error": {"message": "m"}}, "500 Oops")),
    "a web page": (False, whole(b"<html>busy</html>", kind="text/html")),
    "an error under 200": (False, whole({"error": {"message": "m", "type": "t"}})),
    "nothing": (False, whole(b"")),
    "a reset": (False, (End.RESET,)),
    "a malformed event": (True, stream(ROLE, b"data: {broken\n\n")),
    "an error event": (True, stream(ROLE, b'data: {"error":{"message":"busy"}}\n\n')),
    "a cut after content": (True, (STREAM_HEAD, chunk(ROLE), chunk(ONE), End.RESET)),
    "no terminal event": (True, stream(ROLE, ONE, FINISH)),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("what", COUNTED)
async def test_five_of_these_in_a_row_close_a_channel(case: Case, what: str) -> None:
    is_stream, steps = COUNTED[what]
    empty_pool(case.gateway)  # on a pooled connection a reset is the ordinary race of keep-alive
    case.gateway.upstream.plays(*steps)
    health = channels_of(case)[0].vitals.channel
    for number in range(FAULTS_IN_A_ROW):
        assert health.cause is None, number
        assert not (await case.chat(stream=is_stream)).body.endswith(DONE)
        await case.rows()  # once the request has ended
    assert health.cause == "fault"
    refused = await case.chat(stream=is_stream)
    assert (refused.status, refused.error["code"]) == (503, "no_channel")
    assert len(case.gateway.upstream.seen) == FAULTS_IN_A_ROW


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("status", ["400 Bad", "404 Gone", "413 Large", "422 Odd"])
async def test_a_vendor_that_finds_fault_with_requests_stays_open(case: Case, status: str) -> None:
    case.gateway.upstream.plays(*whole({"error": {"message": "m", "type": "t"}}, status))
    answers = [await case.chat() for _ in range(2 * FAULTS_IN_A_ROW)]
    assert {answer.status for answer in answers} == {int(status[:3])}
    assert len(case.gateway.upstream.seen) == 2 * FAULTS_IN_A_ROW


@pytest.mark.nightly
@pytest.mark.asyncio(loop_scope="module")
async def test_a_vendor_that_was_long_dead_has_its_share_within_half_a_minute(
    gateway: Gateway, vendors: list[ScriptedUpstream]
) -> None:
    case = await gateway.case(*(vendor.url for vendor in vendors), usd=100)
    await arrange(case)
    dead = vendors[1]
    dead.plays(*whole({"error": {"message": "m"}}, "500 Oops"))
    until = time.monotonic() + 45
    while time.monotonic() < until:
        await ask(case, 20)
        await asyncio.sleep(0.05)
    met, total = len(dead.seen), sum(len(vendor.seen) for vendor in vendors)
    assert (met - FAULTS_IN_A_ROW - 4) / total < SHARE
    dead.plays(*whole(completion()))
    begun, share = time.monotonic(), 0.0
    while share < 0.8 * FAIR:
        assert time.monotonic() - begun < BACK_S
        dead.seen = []
        await ask(case, 150)
        share = len(dead.seen) / 150
        await asyncio.sleep(0.1)
    await case.assert_invariants()
