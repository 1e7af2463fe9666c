"""Callers who leave, thousands of them: each vendor is left at once, each is charged rightly, nothing stays behind."""

import asyncio
import gc
import time
from statistics import median
from typing import Any

import psutil
import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import DONE, ONE, ROLE, STREAM_HEAD, End, Seen, Step, chunk, stream
from tests.trust.stand import Held, assert_ready, in_turn, percentile

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELLED_S = 0.5
LEAK_BYTES = 16 * 2**20
"""What ten thousand cycles may leave at most: 1.6 KB each would be a leak."""
CYCLES = [150, pytest.param(10_002, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])]
AT_ONCE = 4

PLACES: tuple[tuple[str, tuple[Step, ...], bytes, str], ...] = (
    ("before the headers", (End.SILENT,), b"", "client_gone"),
    ("in the middle", (STREAM_HEAD, chunk(ROLE), chunk(ONE), End.SILENT), ONE, "client_gone"),
    ("after the last byte", stream(), DONE, "ok"),
)
"""Where, what the vendor says until then, what the caller waits for, how the request ends."""


class Leaving:
    """Calls that are given up, each in its place; the vendor knows them by the words of their request."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.upstream = case.gateway.upstream
        self.came: dict[str, asyncio.Future[Seen]] = {}
        self.took_s: list[float] = []
        self.upstream.plays()
        self.upstream.choose = self._choose

    def _choose(self, seen: Seen) -> tuple[Step, ...]:
        words = seen.json()["messages"][0]["content"]
        self.came.pop(words).set_result(seen)
        self.upstream.seen.clear()  # ten thousand of them are not kept
        return PLACES[int(words.split()[1])][1]

    async def once(self, number: int) -> None:
        place = number % len(PLACES)
        words = f"leave {place} of {number}"
        came = self.came[words] = asyncio.get_running_loop().create_future()
        request = self.case.chat_request(stream=True, messages=[{"role": "user", "content": words}])
        async with self.case.open(request) as connection:
            seen = await asyncio.wait_for(came, 10)
            if awaited := PLACES[place][2]:
                await connection.reader.readuntil(awaited)
            left = time.monotonic()
        if PLACES[place][3] == "client_gone":
            await asyncio.wait_for(seen.closed.wait(), 10)
            self.took_s.append(seen.closed_at - left)


@pytest.mark.parametrize("count", CYCLES)
async def test_callers_who_leave_leave_nothing_behind(gateway: Gateway, case: Case, count: int) -> None:
    leaving = Leaving(case)
    await in_turn(60, AT_ONCE, leaving.once)  # whatever is opened once is open now
    held, before = await Held.at_rest(gateway), memory()
    await in_turn(count, AT_ONCE, leaving.once)
    await held.is_back(gateway)
    grown = memory() - before
    slowest = percentile(leaving.took_s, 0.99)
    print(f"\n{count} cycles: {grown / 2**20:+.1f} MB, vendors left within {slowest * 1000:.0f} ms (p99)")
    assert grown < LEAK_BYTES
    assert median(leaving.took_s) < CANCELLED_S / 2
    assert slowest < CANCELLED_S
    rows = await case.rows()
    assert len(rows) == 60 + count
    assert_ended(rows)
    await assert_ready(gateway)


def memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def assert_ended(rows: list[Any]) -> None:
    """As its place says, and charged for what had come until then."""
    third = len(rows) // 3
    gone = [row for row in rows if row.end_reason == "client_gone"]
    assert len(gone) == 2 * third
    assert {row.end_reason for row in rows} == {"client_gone", "ok"}
    assert sum(row.cost == 0 for row in gone) == third
    assert {row.usage["output"] for row in gone if row.cost} == {1}
    assert {row.cost for row in rows if row.end_reason == "ok"} == {20_000}


@pytest.mark.parametrize("place", range(len(PLACES)), ids=[place[0] for place in PLACES])
async def test_a_caller_who_closes_one_half_is_gone_or_served_but_never_stuck(case: Case, place: int) -> None:
    _, steps, awaited, _ = PLACES[place]
    case.gateway.upstream.plays(*steps)
    async with case.open(case.chat_request(stream=True)) as connection:
        seen = await case.gateway.upstream.reached()
        if awaited:
            await connection.reader.readuntil(awaited)
        connection.writer.write_eof()
        if place < 2:
            await asyncio.wait_for(seen.closed.wait(), 5)
    row = await case.row()
    assert row.end_reason in ("client_gone", "ok")
    assert (row.cost > 0) == bool(awaited)
