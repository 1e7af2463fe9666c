"""Windows of budgets: servers lease slices of them, and in all never more than the limit."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import insert, select
from tests.unit.ledger.test_journal import record as plain_record

from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import credit as module
from pronghorn.ledger import posting, pots, repository
from pronghorn.ledger.budgets import Budget, Scope
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.journal import Journal, Record
from pronghorn.ledger.pots import Window
from pronghorn.store import Database
from pronghorn.store.models import Account, BudgetLease, BudgetWindow, Key, Server, Wallet

DEPOSIT = 1_000_000
DAY = 86_400
NOON = datetime(2026, 5, 28, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON - DAY / 2
OWN = {"key": "key_1", "account": "acc_1", "group": "default"}


@pytest.fixture
async def ledger(database: Database) -> Database:
    """An account with money and a key."""
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        values = {"account_id": "acc_1", "name": "k", "mode": "live", "hint": "h", "hash": b"h" * 32}
        await tx.execute(insert(Key).values(id="key_1", created_ms=1, **values))
        await repository.open_wallet(tx, "acc_1", "live")
        await repository.adjust(tx, "acc_1", "live", DEPOSIT, note="", now_ms=1)
    return database


def server(database: Database, number: int = 1, epoch: int = 1, clock: FakeClock | None = None) -> Credit:
    return Credit(database, f"server-{number}", epoch, clock or FakeClock(NOON))


def daily(credit: Credit, amount: int = 1_000, *, scope: Scope = "account", **fields: Any) -> Budget:
    known: dict[str, Any] = {"id": "bud_1", "subject": OWN[scope], "mode": "live", "period": "day"}
    return Budget(credit, scope=scope, amount=amount, **(known | fields))


def hold(purse: Purse, amount: int, charge: int) -> None:
    assert purse.free >= amount
    purse.take(amount)
    purse.settle(amount, charge)


async def stored(database: Database, budget_id: str = "bud_1") -> dict[int, tuple[int, int]]:
    """Spent and leased, by the day of the window."""
    async with database.read() as tx:
        windows = (
            await tx.execute(
                select(BudgetWindow.start_ms, BudgetWindow.spent).where(BudgetWindow.budget_id == budget_id)
            )
        ).all()
        leases = (
            await tx.execute(
                select(BudgetLease.start_ms, BudgetLease.amount).where(BudgetLease.budget_id == budget_id)
            )
        ).all()
    assert all(amount >= 0 for _, amount in leases)
    return {
        int((start_ms / 1000 - MIDNIGHT) // DAY): (
            spent,
            sum(amount for at, amount in leases if at == start_ms),
        )
        for start_ms, spent in windows
    }


def record(number: int, charge: int, windows: Sequence[str] = (), **fields: Any) -> Record:
    made = plain_record(number)
    made.id, made.charge, made.shortfall = f"req_{number}", charge, 0
    made.created_ms, made.windows = int(NOON * 1000), list(windows)
    for name, value in ({"account_id": "acc_1", "key_id": "key_1", "group_name": "default"} | fields).items():
        setattr(made, name, value)
    return made


async def post(database: Database, folder: Path, records: Sequence[Record], number: int = 1) -> None:
    journal = Journal(folder / f"s{number}", f"server-{number}", 1, 50)
    for each in records:
        journal.append(each)
    journal.close()
    assert await posting.post_all(database, folder / f"s{number}", FakeClock(NOON)) == len(records)


# Leasing


@pytest.mark.parametrize("need", [70, 300])
async def test_servers_that_lease_at_once_never_lease_more_than_the_limit(
    ledger: Database, need: int
) -> None:
    """Also the first time, when eight of them make the window's row at the same moment."""
    servers = [server(ledger, number) for number in range(8)]
    purses = [daily(each).purse(NOON) for each in servers]
    for _ in range(3):
        await asyncio.gather(*(each.fill(p, need) for each, p in zip(servers, purses, strict=True)))
        assert sum(purse.free for purse in purses) <= 1_000
        for purse in purses:
            if purse.free >= need:
                purse.take(need)
    assert await stored(ledger) == {0: (0, 1_000)}
    assert sum(purse.free + purse.held for purse in purses) == 1_000


async def test_a_lease_is_what_is_needed_or_a_quarter(ledger: Database) -> None:
    first, second = server(ledger, 1), server(ledger, 2)
    purse, other = daily(first).purse(NOON), daily(second).purse(NOON)
    await first.fill(purse, 1)
    await second.fill(other, 600)
    assert (purse.free, other.free) == (250, 600)
    await first.fill(purse, 500)
    assert purse.free == 400
    assert await stored(ledger) == {0: (0, 1_000)}


async def test_raising_a_limit_opens_it_and_lowering_closes_it(ledger: Database) -> None:
    credit = server(ledger)
    purse = daily(credit, 1_000).purse(NOON)
    await credit.fill(purse, 1_000)
    hold(purse, 900, 900)
    assert daily(credit, 1_500).purse(NOON) is purse
    await credit.follow({"bud_1": 1_500})
    assert purse.free == 100, "what is leased of a budget that was raised stays"
    await credit.fill(purse, 400)
    assert purse.free == 400
    await credit.follow({"bud_1": 1_200})
    assert purse.free == 0
    await credit.fill(purse, 400)
    assert purse.free == 300
    await credit.follow({"bud_1": 500})
    await credit.fill(purse, 1)
    assert purse.free == 0
    standing = await credit.standing_of(daily(credit, 500).window(NOON))
    assert (standing.spent, standing.balance) == (900, -400)


async def test_lowering_below_what_is_leased_takes_back_all_but_open_holds(ledger: Database) -> None:
    """Three servers have leased everything: whatever is free with them comes back, once each has seen the change."""
    servers = [server(ledger, number) for number in range(3)]
    purses = [daily(each, 900).purse(NOON) for each in servers]
    for each, purse in zip(servers, purses, strict=True):
        await each.fill(purse, 300)
        purse.take(50)
    for each in servers:
        await each.follow({"bud_1": 200})
    assert [(purse.free, purse.held) for purse in purses] == [(0, 50)] * 3
    await asyncio.gather(*(each.fill(p, 40) for each, p in zip(servers, purses, strict=True)))
    assert sum(purse.free for purse in purses) == 50
    assert await stored(ledger) == {0: (0, 200)}


async def test_a_budget_that_is_gone_gives_back_what_is_free(ledger: Database) -> None:
    credit = server(ledger)
    purse = daily(credit).purse(NOON)
    await credit.fill(purse, 400)
    purse.take(100)
    await credit.follow({})
    assert await stored(ledger) == {0: (0, 100)}
    purse.settle(100, 60)
    await credit.give_back_all()
    assert await stored(ledger) == {0: (0, 60)}, "charged in the journal, and posted from there"


async def test_a_return_that_fails_keeps_what_is_free_under_the_lower_limit(ledger: Database) -> None:
    credit = server(ledger)
    purse = daily(credit).purse(NOON)
    await credit.fill(purse, 400)
    async with ledger.write() as tx:
        await pots.reclaim(tx, "server-1", 2)  # as if a later life had begun
    with pytest.raises(Exception, match="lease"):
        await credit.follow({"bud_1": 300})
    assert isinstance(purse.pot, Window) and purse.pot.limit == 300


@pytest.mark.parametrize("limit", [300, 2_000])
async def test_who_came_before_a_change_brings_no_old_limit_back(ledger: Database, limit: int) -> None:
    """Such as a realtime session, or an upload that takes its time: the first in a window, or another one in it."""
    credit = server(ledger)
    before = daily(credit)
    await credit.follow({"bud_1": limit})
    after = daily(credit, limit)
    for day, order in enumerate([(before, after), (after, before)]):
        purses = [budget.purse(NOON + day * DAY) for budget in order]
        await credit.fill(purses[1], 5_000)
        assert purses[0].free == limit


class Counting:
    """A database that counts what is written to it."""

    def __init__(self, database: Database) -> None:
        self.writes = 0
        self._database = database

    def write(self) -> Any:
        self.writes += 1
        return self._database.write()


async def test_a_crowd_that_comes_for_a_used_up_budget_asks_twice(ledger: Database) -> None:
    """The first asks, and of those who came meanwhile one, for all of them."""
    counting = Counting(ledger)
    credit = server(cast(Database, counting))
    purse = daily(credit).purse(NOON)
    await credit.fill(purse, 1_000)
    purse.take(1_000)
    counting.writes = 0
    await asyncio.gather(*(credit.fill(purse, 10 + number) for number in range(100)))
    assert (counting.writes, purse.free) == (2, 0)
    daily(credit, 1_050).purse(NOON)
    late = [asyncio.ensure_future(credit.fill(purse, 10)) for _ in range(5)]
    await asyncio.gather(*late)
    assert purse.free >= 10, "whoever comes later asks again"


# The log


async def test_a_budget_set_in_the_middle_counts_what_the_log_has(ledger: Database, tmp_path: Path) -> None:
    old = [
        record(1, 100),
        record(2, 30, key_id="key_2"),
        record(3, 5, account_id="acc_2", key_id="key_3", group_name="vip"),
        record(4, 1_000, created_ms=int(MIDNIGHT * 1000) - 1),
        record(5, 7, created_ms=int(MIDNIGHT * 1000)),
        record(6, 2_000, mode="test"),
    ]
    await post(ledger, tmp_path, old)
    credit = server(ledger)
    spent = {}
    for scope in ("key", "account", "group"):
        budget = daily(credit, 10_000, scope=scope, id=f"bud_{scope}")
        before = await credit.standing_of(budget.window(NOON))
        await credit.fill(purse := budget.purse(NOON), 10_000)
        after = await credit.standing_of(budget.window(NOON))
        assert (before.spent, before.balance) == (after.spent, after.balance)
        assert purse.free == 10_000 - after.spent
        spent[scope] = after.spent
    assert spent == {"key": 107, "account": 137, "group": 137}
    everything = daily(credit, 10_000, period="total", id="bud_total")
    assert (await credit.standing_of(everything.window(NOON))).spent == 1_137
    month = daily(credit, 10_000, period="month", id="bud_month")
    assert (await credit.standing_of(month.window(NOON))).spent == 1_137


async def test_posting_moves_a_charge_out_of_the_lease_of_each_window(
    ledger: Database, tmp_path: Path
) -> None:
    credit = server(ledger)
    budgets = [daily(credit, 1_000, id="bud_1"), daily(credit, 2_000, id="bud_2", scope="key")]
    purses = [credit.purse("acc_1", "live"), *(budget.purse(NOON) for budget in budgets)]
    for purse in purses:
        await credit.fill(purse, 500)
    names = [purse.pot.name for purse in purses[1:]]
    records = []
    for number in range(1, 6):
        for purse in purses:
            hold(purse, 50, 10 * number)
        records.append(record(number, 10 * number, names if number != 3 else names[:1]))
    standing = await credit.standing_of(budgets[0].window(NOON))
    assert (standing.spent, standing.balance) == (150, 850), "before it is posted, too"
    await post(ledger, tmp_path, records)
    assert await stored(ledger, "bud_1") == {0: (150, 350)}
    assert await stored(ledger, "bud_2") == {0: (120, 380)}
    standing = await credit.standing_of(budgets[0].window(NOON))
    assert (standing.spent, standing.balance) == (150, 850)
    async with ledger.read() as tx:
        assert await tx.scalar(select(Wallet.spent)) == await tx.scalar(select(Key.spent)) == 150
    await credit.give_back_all()
    assert await stored(ledger, "bud_1") == {0: (150, 0)}


async def test_a_keys_budget_recounts_what_it_spent_without_one(ledger: Database, tmp_path: Path) -> None:
    credit = server(ledger)
    own = Budget(credit, id="key_1", scope="key", subject="key_1", mode="live", amount=1_000)
    await credit.fill(purse := own.purse(NOON), 1)
    hold(purse, 100, 100)
    name = purse.pot.name
    assert name == "key_1@0"
    await post(ledger, tmp_path, [record(1, 100, [name]), record(2, 300), record(3, 50)])
    await credit.give_back_all()
    window = own.window(NOON)
    assert (await credit.standing_of(window)).spent == 100
    async with ledger.write() as tx:
        await pots.recount(tx, "key_1")
        await pots.recount(tx, "key_without_a_window")
    assert (await credit.standing_of(window)).spent == 450
    await credit.fill(purse, 1_000)
    assert purse.free == 550


# Time


async def test_each_day_has_a_window_of_its_own(ledger: Database) -> None:
    clock = FakeClock(NOON)
    credit = server(ledger, clock=clock)
    budget = daily(credit)
    today = budget.purse(clock.now())
    await credit.fill(today, 1_000)
    hold(today, 700, 700)
    clock.advance(DAY)
    tomorrow = budget.purse(clock.now())
    assert tomorrow is not today
    await credit.fill(tomorrow, 1_000)
    assert (today.free, tomorrow.free) == (300, 1_000)
    assert await stored(ledger) == {0: (0, 1_000), 1: (0, 1_000)}


async def test_when_the_clock_jumps_back_the_old_window_is_found_again(ledger: Database) -> None:
    clock = FakeClock(NOON)
    credit = server(ledger, clock=clock)
    budget = daily(credit)
    today = budget.purse(clock.now())
    await credit.fill(today, 1_000)
    hold(today, 700, 700)
    clock.jump(DAY)
    await credit.fill(budget.purse(clock.now()), 1)
    clock.jump(-DAY)
    assert budget.purse(clock.now()) is today
    assert today.free == 300
    assert daily(server(ledger, 2)).purse(clock.now()).pot == today.pot


async def test_a_window_that_was_let_go_is_not_forgotten(ledger: Database) -> None:
    """Nobody holds its purse any more; what was spent is in the lease until it is posted."""
    credit = server(ledger)
    await credit.fill(purse := daily(credit).purse(NOON), 1_000)
    hold(purse, 700, 700)
    await credit.give_back(purse)
    del purse
    again = daily(credit).purse(NOON)
    await credit.fill(again, 1_000)
    assert again.free == 300


async def test_old_windows_leases_go_back_when_idle(ledger: Database) -> None:
    clock = FakeClock(NOON)
    credit = server(ledger, clock=clock)
    budget = daily(credit)
    old = budget.purse(clock.now())
    old.used_at = clock.monotonic()
    await credit.fill(old, 1_000)
    clock.advance(DAY)
    new = budget.purse(clock.now())
    new.used_at = clock.monotonic()
    await credit.fill(new, 400)
    await credit.give_back_idle()
    assert await stored(ledger) == {0: (0, 0), 1: (0, 400)}
    assert (old.free, new.free) == (0, 400)
    clock.advance(module.IDLE_RETURN_S + 1)
    await credit.give_back_idle()
    assert await stored(ledger) == {0: (0, 0), 1: (0, 0)}


# Lives of a server


async def test_leases_of_dead_epochs_are_reclaimed(ledger: Database) -> None:
    first = server(ledger)
    await first.fill(purse := daily(first).purse(NOON), 800)
    hold(purse, 100, 0)
    other = server(ledger, 2)
    await other.fill(daily(other).purse(NOON), 150)
    async with ledger.write() as tx:
        await pots.reclaim(tx, "server-1", 2)
    assert await stored(ledger) == {0: (0, 150)}
    second = server(ledger, epoch=2)
    await second.fill(again := daily(second).purse(NOON), 1_000)
    assert again.free == 850


async def test_a_server_whose_epoch_is_over_gets_nothing_more(ledger: Database) -> None:
    asleep = server(ledger, epoch=1)
    await asleep.fill(purse := daily(asleep).purse(NOON), 250)
    assert purse.free == 250
    async with ledger.write() as tx:
        await tx.execute(insert(Server).values(id="server-1", epoch=2, started_ms=1))
    await asleep.fill(purse, 500)
    assert purse.free == 250
    awake = server(ledger, epoch=2)
    await awake.fill(fresh := daily(awake).purse(NOON), 500)
    assert fresh.free == 500


async def test_a_limit_is_each_scopes_and_modes_own(ledger: Database) -> None:
    credit = server(ledger)
    live, test = daily(credit), daily(credit, id="bud_2", mode="test")
    await credit.fill(live.purse(NOON), 1_000)
    await credit.fill(test.purse(NOON), 1_000)
    assert (live.purse(NOON).free, test.purse(NOON).free) == (1_000, 1_000)
