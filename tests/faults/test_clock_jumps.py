"""The wall clock jumps, by an administrator or by the season: nothing expires in a mass, nothing waits for ever."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import (
    DONE,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    USED,
    End,
    chunk,
    completion,
    whole,
)

from pronghorn.ledger.audit import audit
from pronghorn.ledger.budgets import Budget
from pronghorn.ledger.posting import post_all
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR, DAY = 3600.0, 86_400.0
JUMPS = {"an hour on": HOUR, "an hour back": -HOUR, "a day on": DAY, "a day back": -DAY}
IDLE_S = 0.6
PER_CALL = {"per_call_usd": "0.001"}
CALL = 1_000_000
"""Nano-dollars of it."""


class JumpingClock:
    """The system's, whose wall clock can be moved."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.offset_s = 0.0

    def now(self) -> float:
        return time.time() + self.offset_s

    def set(self, moment: datetime) -> None:
        self.offset_s = moment.timestamp() - time.time()


@pytest.fixture(scope="module")
def clock() -> JumpingClock:
    return JumpingClock()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, clock: JumpingClock) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("jumps"), clock, idle_timeout_s=IDLE_S) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def right_again(clock: JumpingClock) -> None:
    clock.offset_s = 0.0


async def assert_books(case: Case) -> None:
    await case.assert_invariants()
    async with case.gateway.inner.database.read() as tx:
        assert (await audit(tx)).differences == []


@pytest.mark.parametrize("jump", JUMPS)
async def test_open_requests_limits_and_leases_do_not_notice(
    gateway: Gateway, clock: JumpingClock, jump: str
) -> None:
    """T52: a stream goes on, a limit of three a minute is three a minute, and money that is leased is still there."""
    case = await gateway.case(price=PER_CALL, rpm=3)
    more = asyncio.Event()
    gateway.upstream.plays(
        STREAM_HEAD, chunk(ROLE), chunk(ONE), more, chunk(FINISH), chunk(USED), chunk(DONE), LAST_CHUNK
    )
    streaming = asyncio.ensure_future(case.chat(stream=True))
    await gateway.upstream.reached()
    free = case.grant.purse.free
    clock.offset_s = JUMPS[jump]
    await gateway.inner.credit.give_back_idle()
    await gateway.inner.loader.refresh()
    assert case.grant.purse.free == free > 0
    more.set()
    assert (await streaming).is_whole
    gateway.upstream.plays(*whole(completion()))
    answers = [await case.chat() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert 0 < float(answers[-1].header("retry-after")) <= 60
    rows = await case.rows()
    assert max(row.duration_ms for row in rows) < 10_000
    assert min(row.duration_ms for row in rows) >= 0
    assert sum(row.cost for row in rows) == 3 * CALL
    await assert_books(case)


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_silent_vendor_is_given_up_in_its_time(
    gateway: Gateway, clock: JumpingClock, jump: str
) -> None:
    """T52: deadlines are measured by a clock that nobody sets."""
    case = await gateway.case()
    gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), chunk(ONE), End.SILENT)
    begun = time.monotonic()
    streaming = asyncio.ensure_future(case.chat(stream=True))
    await gateway.upstream.reached()
    clock.offset_s = JUMPS[jump]
    answer = await streaming
    assert IDLE_S - 0.1 <= time.monotonic() - begun < IDLE_S + 2
    assert not answer.is_whole
    assert (await case.row()).end_reason == "upstream_timeout"
    case.heal()
    await assert_books(case)


@pytest.mark.parametrize("jump", JUMPS)
async def test_keys_expire_by_the_wall_clock_and_only_those_whose_time_it_is(
    gateway: Gateway, clock: JumpingClock, jump: str
) -> None:
    """A key for two days outlives each of these jumps, one without an end is not asked."""
    gateway.upstream.plays(*whole(completion()))
    cases = [
        await gateway.case(price=PER_CALL),
        await gateway.case(price=PER_CALL, expires_ms=int((clock.now() + 2 * DAY) * 1000)),
    ]
    clock.offset_s = JUMPS[jump]
    for case in cases:
        assert (await case.chat()).status == 200
        await assert_books(case)


async def test_a_daily_budget_is_neither_lost_nor_given_twice(gateway: Gateway, clock: JumpingClock) -> None:
    """Two calls a day. A day on there are two more; back again, those of today are still spent."""
    case = await gateway.case(price=PER_CALL)
    await _give_budget(gateway, case, time_zone="UTC")
    gateway.upstream.plays(*whole(completion()))
    clock.set(datetime(2027, 6, 15, 12, tzinfo=UTC))
    assert await _statuses(case, 3) == [200, 200, 402]
    clock.offset_s += DAY
    assert await _statuses(case, 3) == [200, 200, 402]
    clock.offset_s -= DAY
    assert await _statuses(case, 1) == [402]
    clock.offset_s -= HOUR
    assert await _statuses(case, 1) == [402]
    assert sum(row.cost for row in await case.rows()) == 4 * CALL
    await assert_books(case)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2027-03-28T00:59Z", "2027-03-28T01:01Z"),  # Berlin: 1:59 and 3:01
        ("2027-10-31T00:59Z", "2027-10-31T01:01Z"),  # Berlin: 2:59 and 2:01 again
    ],
    ids=["spring", "autumn"],
)
async def test_a_changed_clock_is_the_same_day(
    gateway: Gateway, clock: JumpingClock, before: str, after: str
) -> None:
    """T52: daylight saving time gives no second budget on its day, and takes none."""
    case = await gateway.case(price=PER_CALL)
    await _give_budget(gateway, case, time_zone="Europe/Berlin")
    gateway.upstream.plays(*whole(completion()))
    clock.set(datetime.fromisoformat(before))
    assert await _statuses(case, 1) == [200]
    clock.set(datetime.fromisoformat(after))
    assert await _statuses(case, 2) == [200, 402]
    clock.offset_s += DAY
    assert await _statuses(case, 1) == [200]
    await assert_books(case)


async def test_a_restart_after_a_jump_finds_all_of_the_money(tmp_path: Path, clock: JumpingClock) -> None:
    """Leases and the journal of a former life are known by its number and not by its time."""
    async with running(tmp_path, clock) as gateway:
        case = await gateway.case(price=PER_CALL)
        gateway.upstream.plays(*whole(completion()))
        assert await _statuses(case, 3) == [200] * 3
        await assert_books(case)
    clock.offset_s = -DAY
    async with running(tmp_path, clock) as gateway:
        standing = (await gateway.inner.credit.standing([case.account], "live"))[case.account]
        assert (standing.spent, standing.held) == (3 * CALL, 0)
        folder = gateway.inner.settings.data / "journal"
        assert await post_all(gateway.inner.database, folder, clock) == 0
        async with gateway.inner.database.read() as tx:
            assert (await audit(tx)).differences == []


async def _statuses(case: Case, count: int) -> list[int]:
    return [(await case.chat()).status for _ in range(count)]


async def _give_budget(gateway: Gateway, case: Case, *, time_zone: str) -> Budget:
    """Two calls a day."""
    async with gateway.inner.database.write() as tx:
        values: dict[str, Any] = {
            "id": f"bud_{case.account}",
            "scope": "account",
            "subject": case.account,
            "mode": "live",
        }
        values |= {"amount": 2 * CALL, "period": "day", "time_zone": time_zone, "created_ms": 0}
        await tx.execute(insert(tables.Budget).values(values))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    (budget,) = case.grant.budgets
    return budget
