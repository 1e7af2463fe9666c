"""Budgets over HTTP: nobody spends more than a key, account or group may in a period, and refusals say which one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, update
from tests.faults import test_realtime as voice
from tests.faults.harness import Case, Gateway, running
from tests.faults.test_last_cent import PER_CALL, released_at_once
from tests.faults.upstream import EVENTS, LAST_CHUNK, STREAM_HEAD, Step, chunk, completion, stream, whole

from pronghorn.kit.clock import SystemClock, parse_iso
from pronghorn.kit.money import NANO_PER_USD, format_usd
from pronghorn.ledger.budgets import Period, Scope
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = NANO_PER_USD // 1_000
HOUR = 3_600


class WallClock(SystemClock):
    """Runs as the system's, and shows the time that a test sets."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def show(self, unix_s: float) -> None:
        self.ahead_s = unix_s - time.time()


@pytest.fixture(scope="module")
def clock() -> WallClock:
    return WallClock()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, clock: WallClock) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway"), clock) as gateway:
        yield gateway


async def grouped(case: Case, name: str) -> None:
    """The case's account and channels are in a group of their own."""
    channels = [channel.id for tier in _tiers(case) for channel in tier.channels]
    async with case.gateway.inner.database.write() as tx:
        await tx.execute(
            insert(tables.Group).values(name=name, description="", factor_ppm=10**6, created_ms=0)
        )
        mine = tables.Account.id == case.account
        await tx.execute(update(tables.Account).where(mine).values(group_name=name))
        await tx.execute(update(tables.Channel).where(tables.Channel.id.in_(channels)).values(groups=[name]))


def _tiers(case: Case) -> Any:
    return case.gateway.inner.loader.snapshot.tiers(case.model, case.grant.group)


async def set_budget(
    case: Case, amount: int, *, scope: Scope = "account", period: Period = "hour", time_zone: str = "UTC"
) -> str:
    """For the case's own key, account or group. Gives the budget's id."""
    if scope == "group" and case.grant.group == "default":
        await grouped(case, f"group of {case.model}")
    group = f"group of {case.model}"
    subject = {"key": case.grant.key_id, "account": case.account, "group": group}[scope]
    budget_id = f"bud_{case.model}_{scope}_{period}"
    async with case.gateway.inner.database.write() as tx:
        values = {"scope": scope, "subject": subject, "mode": "live", "period": period, "created_ms": 1}
        await tx.execute(
            insert(tables.Budget).values(id=budget_id, time_zone=time_zone, amount=amount, **values)
        )
        await revision.bump(tx)
    await case.gateway.inner.loader.refresh()
    return budget_id


async def change_budget(case: Case, budget_id: str, amount: int | None) -> None:
    """None: it is removed."""
    row = tables.Budget.id == budget_id
    async with case.gateway.inner.database.write() as tx:
        if amount is None:
            await tx.execute(delete(tables.Budget).where(row))
        else:
            await tx.execute(update(tables.Budget).where(row).values(amount=amount))
        await revision.bump(tx)
    await case.gateway.inner.loader.refresh()


async def spent_by_hour(case: Case, budget_id: str) -> list[int]:
    """What is posted in each window of the budget, oldest first; the rows of each must add up to it."""
    rows = await case.rows()
    window = tables.BudgetWindow
    chosen = select(window.start_ms, window.spent).where(window.budget_id == budget_id)
    async with case.gateway.inner.database.read() as tx:
        found = (await tx.execute(chosen.order_by(window.start_ms))).all()
        leases = select(tables.BudgetLease.amount).where(tables.BudgetLease.budget_id == budget_id)
        assert min((await tx.execute(leases)).scalars()) >= 0
    for start_ms, spent in found:
        mine = [row.cost for row in rows if start_ms <= row.created_ms < start_ms + HOUR * 1000]
        assert spent == sum(mine)
    return [spent for _, spent in found]


def next_hour_s() -> int:
    return (int(time.time()) // HOUR + 1) * HOUR


# Never more


@pytest.mark.parametrize("period", get_args(Period))
@pytest.mark.parametrize("scope", get_args(Scope))
async def test_a_budget_is_never_exceeded_and_the_refusal_names_it(
    gateway: Gateway, clock: WallClock, scope: Scope, period: Period
) -> None:
    clock.show(datetime(2026, 5, 28, 20, 26, tzinfo=UTC).timestamp())  # no period ends while this runs
    case = await gateway.case(price=PER_CALL)
    await set_budget(case, 5 * CALL, scope=scope, period=period)
    answers = await released_at_once(case, 50)
    assert sorted(answer.status for answer in answers) == [200] * 5 + [402] * 45
    for answer in answers:
        if answer.status == 402:
            error = answer.error
            assert (error["code"], error["scope"], error["period"]) == ("insufficient_quota", scope, period)
            assert error["limit_usd"] == "0.005" and error["needed_usd"] == "0.001"
            assert (error["spent_usd"], error["free_usd"]) in {("0.00", "0.00"), ("0.005", "0.00")}
            assert (period == "total") != (parse_iso(error.get("resets_at", "1970-01-01")) > clock.now())
            assert f"of this {'API key' if scope == 'key' else scope}" in error["message"]
            assert answer.header("x-should-retry") == "false"
    assert sum(row.cost for row in await case.rows()) == 5 * CALL
    await case.assert_invariants()


async def test_of_several_budgets_the_one_that_is_used_up_is_named(gateway: Gateway) -> None:
    case = await gateway.case(price=PER_CALL, budget=10 * CALL)
    gateway.upstream.plays(*whole(completion()))
    for scope, count in (("group", 1), ("account", 2), ("key", 3)):
        await set_budget(case, count * CALL, scope=scope, period="month")  # type: ignore[arg-type]
    budgets = [f"bud_{case.model}_{scope}_month" for scope in ("group", "account", "key")]
    for scope, budget_id in zip(("group", "account", "key"), budgets, strict=True):
        assert (await case.chat()).status == 200
        refused = await case.chat()
        assert (refused.status, refused.error["scope"]) == (402, scope)
        await change_budget(case, budget_id, None)
    assert (await case.chat()).status == 200
    await case.assert_invariants()


async def test_a_group_that_others_used_up_is_named_though_nothing_was_leased_of_the_account(
    gateway: Gateway,
) -> None:
    case, other = await gateway.case(price=PER_CALL), await gateway.case(price=PER_CALL)
    await set_budget(case, 2 * CALL, scope="group", period="day")
    async with gateway.inner.database.write() as tx:
        mine = tables.Account.id == other.account
        await tx.execute(update(tables.Account).where(mine).values(group_name=case.grant.group))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    gateway.upstream.plays(*whole(completion()))
    assert [(await case.chat()).status for _ in range(3)] == [200, 200, 402]
    refused = await other.call(other.chat_request(model=case.model))
    assert other.grant.purse.free == 0
    assert (refused.status, refused.error["scope"], refused.error["spent_usd"]) == (402, "group", "0.002")
    refused = await other.call(other.chat_request(model=case.model, stream=True))
    assert (refused.status, refused.error["scope"]) == (402, "group")
    await case.rows()
    await other.rows()


async def test_a_low_budget_lowers_the_limit_and_says_so(gateway: Gateway) -> None:
    case = await gateway.case(max_output_tokens=4_000)
    await set_budget(case, CALL, scope="account")
    gateway.upstream.plays(*whole(completion()))
    answer = await case.chat(max_tokens=3_000)
    adjusted = int(answer.header("x-pronghorn-adjusted").removeprefix("max_tokens="))
    assert 16 <= adjusted < 500
    row = await case.row()
    assert adjusted * 2_000 <= row.hold <= CALL
    await case.assert_invariants()


async def test_whoever_waits_for_a_budget_is_served_when_holds_settle(gateway: Gateway) -> None:
    """Enough for one hold at a time, but for twenty calls, in two budgets at once."""
    case = await gateway.case()
    for scope in ("key", "account"):
        await set_budget(case, CALL, scope=scope)
    gateway.upstream.plays(*whole(completion()))
    answers = await asyncio.gather(*(case.chat(max_tokens=400) for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    await case.assert_invariants()


# The turn of an hour


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_request_across_the_turn_of_an_hour_counts_where_it_came_in(
    gateway: Gateway, clock: WallClock, is_stream: bool
) -> None:
    case = await gateway.case(price=PER_CALL)
    turn_s = next_hour_s()
    clock.show(turn_s - 60)
    budget_id = await set_budget(case, 2 * CALL)
    release = asyncio.Event()
    first, rest = (STREAM_HEAD, *map(chunk, EVENTS[:2])), (*map(chunk, EVENTS[2:]), LAST_CHUNK)
    steps: tuple[Step, ...] = (*first, release, *rest) if is_stream else (release, *whole(completion()))
    gateway.upstream.plays(*steps)
    calls = [asyncio.ensure_future(case.chat(stream=is_stream)) for _ in range(2)]
    await gateway.upstream.reached(2)
    assert (await case.chat(stream=is_stream)).status == 402
    clock.show(turn_s + 60)
    gateway.upstream.choose = lambda _: stream() if is_stream else whole(completion())
    assert [(await case.chat(stream=is_stream)).status for _ in range(3)] == [200, 200, 402]
    release.set()
    assert [answer.status for answer in await asyncio.gather(*calls)] == [200, 200]
    assert (await case.chat(stream=is_stream)).status == 402, "what settles late gives the new hour nothing"
    assert await spent_by_hour(case, budget_id) == [2 * CALL, 2 * CALL]
    standing = (await gateway.inner.credit.standing([case.account], "live"))[case.account]
    assert (standing.spent, standing.held) == (4 * CALL, 0)


async def test_when_the_clock_jumps_back_the_hour_goes_on_where_it_was(
    gateway: Gateway, clock: WallClock
) -> None:
    case = await gateway.case(price=PER_CALL)
    turn_s = next_hour_s()
    clock.show(turn_s - 60)
    budget_id = await set_budget(case, 2 * CALL)
    gateway.upstream.plays(*whole(completion()))
    statuses = [(await case.chat()).status]
    clock.show(turn_s + 60)
    statuses.append((await case.chat()).status)
    clock.show(turn_s - 50)
    statuses += [(await case.chat()).status for _ in range(2)]
    clock.show(turn_s + 70)
    statuses += [(await case.chat()).status for _ in range(2)]
    assert statuses == [200, 200, 200, 402, 200, 402]
    assert await spent_by_hour(case, budget_id) == [2 * CALL, 2 * CALL]


# Realtime

TALK = 2_048 * 10_000 + 4_096 * 100_000
"""What is held for one response."""


async def test_a_realtime_session_is_told_which_budget_ended_it(gateway: Gateway, clock: WallClock) -> None:
    clock.show(next_hour_s() + 60)
    async with voice.serving() as vendor:
        case = await gateway.case(vendor.url, price=voice.PRICE)
        budget_id = await set_budget(case, TALK + voice.COST)
        async with voice.talking(case) as talk:
            await talk.say("response.create")
            await talk.until("response.done")
            await talk.say("response.create")
            await talk.until("response.done")
            error = await talk.error()
            assert "hourly budget of this account" in error["message"]
            assert await talk.close_code() is not None
        assert await spent_by_hour(case, budget_id) == [2 * voice.COST]


async def test_an_idle_realtime_session_answers_in_the_hour_in_which_it_is_asked(
    gateway: Gateway, clock: WallClock
) -> None:
    """Money is set aside when the response before has ended; that may be hours ago."""
    turn_s = next_hour_s()
    clock.show(turn_s - 60)
    async with voice.serving() as vendor:
        case = await gateway.case(vendor.url, price=voice.PRICE)
        budget_id = await set_budget(case, TALK + 2 * voice.COST)
        async with voice.talking(case) as talk:
            for moment in (turn_s - 60, turn_s + 60, turn_s + 70, turn_s + HOUR):
                clock.show(moment)
                await talk.say("response.create")
                await talk.until("response.done")
        assert await spent_by_hour(case, budget_id) == [voice.COST, 2 * voice.COST, voice.COST]
        assert case.grant.purse.held == 0


# While requests are open


async def test_a_budget_set_while_requests_are_open_counts_those_that_come_after(
    gateway: Gateway, clock: WallClock
) -> None:
    clock.show(next_hour_s() + 60)
    case = await gateway.case(price=PER_CALL)
    gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
    assert len(await case.rows()) == 1
    release = asyncio.Event()
    gateway.upstream.plays(release, *whole(completion()))
    calls = [asyncio.ensure_future(case.chat()) for _ in range(3)]
    await gateway.upstream.reached(3)
    budget_id = await set_budget(case, 3 * CALL)
    gateway.upstream.choose = lambda _: whole(completion())
    statuses = [(await case.chat()).status for _ in range(3)]
    assert statuses == [200, 200, 402], "one had ended before, which the log has"
    release.set()
    assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3
    await case.rows()
    standing = await gateway.inner.credit.standing_of(case.grant.budgets[0].window(clock.now()))
    assert (standing.spent, standing.balance, standing.held) == (3 * CALL, 0, 0)
    await change_budget(case, budget_id, 4 * CALL)
    assert [(await case.chat()).status for _ in range(2)] == [200, 402]
    await change_budget(case, budget_id, None)
    assert (await case.chat()).status == 200


async def test_a_budget_lowered_under_load_stops_what_has_not_begun(
    gateway: Gateway, clock: WallClock
) -> None:
    clock.show(next_hour_s() + 60)
    case = await gateway.case(price=PER_CALL)
    budget_id = await set_budget(case, 1_000 * CALL)
    release = asyncio.Event()
    gateway.upstream.plays(release, *whole(completion()))
    calls = [asyncio.ensure_future(case.chat()) for _ in range(4)]
    await gateway.upstream.reached(4)
    await change_budget(case, budget_id, 6 * CALL)
    gateway.upstream.choose = lambda _: whole(completion())
    assert [(await case.chat()).status for _ in range(3)] == [200, 200, 402]
    await change_budget(case, budget_id, 2 * CALL)
    refused = await case.chat()
    assert (refused.status, refused.error["limit_usd"]) == (402, format_usd(2 * CALL))
    release.set()
    await asyncio.gather(*calls)
    assert await spent_by_hour(case, budget_id) == [6 * CALL]
    rows = await case.rows()
    assert json.dumps([row.end_reason for row in rows]).count("no_credit") == 2


async def test_a_gateway_that_starts_anew_knows_what_was_spent(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        case = await gateway.case(price=PER_CALL)
        await set_budget(case, 3 * CALL, period="total")
        gateway.upstream.plays(*whole(completion()))
        assert [(await case.chat()).status for _ in range(2)] == [200, 200]
        hashed = case.hashed
    async with running(tmp_path) as gateway:
        (budget,) = gateway.inner.loader.snapshot.grants[hashed].budgets
        standing = await gateway.inner.credit.standing_of(budget.window(0.0))
        assert (standing.spent, standing.balance, standing.leased) == (2 * CALL, CALL, 0)
