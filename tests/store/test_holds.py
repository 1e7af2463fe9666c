"""Holds in the database: pending, then posted at most to their amount or voided, once, whoever comes first."""

import asyncio
import random

import pytest
from sqlalchemy import insert, select

from pronghorn.errors import NoCredit
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import holds, pots, repository
from pronghorn.ledger.audit import audit
from pronghorn.ledger.budgets import Budget, Scope
from pronghorn.ledger.credit import Credit, Standing
from pronghorn.ledger.pots import AccountPot, Amounts, Window
from pronghorn.store import Database
from pronghorn.store.models import Account, Entry, Hold

SEED = 8_400
DAY = Window("bud_1", "key", "key_1", "live", 0, 600)
MONTH = Window("bud_2", "account", "acc_1", "live", 0, 2_000)


@pytest.fixture
async def funded(database: Database) -> Database:
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        await repository.open_wallet(tx, "acc_1", "live")
        await repository.adjust(tx, "acc_1", "live", 1_000, note="", now_ms=1)
    return database


async def place(database: Database, id: str, amount: int, *windows: Window) -> bool:
    async with database.write() as tx:
        return await holds.place(tx, id, "acc_1", "live", amount, windows, now_ms=2)


async def post(database: Database, id: str, charge: int) -> bool:
    async with database.write() as tx:
        return await holds.post(tx, id, charge, now_ms=3)


async def void(database: Database, id: str) -> bool:
    async with database.write() as tx:
        return await holds.void(tx, id, now_ms=3)


async def wallet(database: Database) -> Amounts:
    async with database.read() as tx:
        return (await pots.account_amounts(tx, ["acc_1"], "live"))["acc_1"]


async def spent_and_held(database: Database, window: Window) -> tuple[int, int]:
    async with database.read() as tx:
        found = await window.amounts(tx)
    return found.spent, found.held


async def assert_clean(database: Database) -> None:
    async with database.read() as tx:
        assert (await audit(tx)).differences == []


async def test_a_hold_is_placed_posted_and_never_again(funded: Database) -> None:
    assert await place(funded, "task_1", 400, DAY, MONTH)
    assert not await place(funded, "task_1", 400, DAY, MONTH)
    assert await wallet(funded) == Amounts(balance=600, leased=0, leased_here=0, held=400, spent=0)
    assert await spent_and_held(funded, DAY) == (0, 400)
    await assert_clean(funded)
    assert await post(funded, "task_1", 150)
    assert not await post(funded, "task_1", 150)
    assert not await void(funded, "task_1")
    assert await wallet(funded) == Amounts(balance=850, leased=0, leased_here=0, held=0, spent=150)
    assert await spent_and_held(funded, DAY) == (150, 0)
    assert await spent_and_held(funded, MONTH) == (150, 0)
    await assert_clean(funded)


async def test_a_void_gives_all_back_and_leaves_no_entry(funded: Database) -> None:
    await place(funded, "task_1", 400, DAY)
    assert await void(funded, "task_1")
    assert not await post(funded, "task_1", 1)
    assert await wallet(funded) == Amounts(1_000, 0, 0, 0, 0)
    assert await spent_and_held(funded, DAY) == (0, 0)
    async with funded.read() as tx:
        assert (await tx.scalars(select(Entry.kind))).all() == ["deposit"]


@pytest.mark.parametrize(
    ("amount", "windows", "word"),
    [(1_001, (), "balance"), (601, (DAY,), "budget"), (601, (MONTH, DAY), "key")],
)
async def test_what_is_not_there_is_not_held(
    funded: Database, amount: int, windows: tuple[Window, ...], word: str
) -> None:
    with pytest.raises(NoCredit, match=word):
        await place(funded, "task_1", amount, *windows)
    assert await wallet(funded) == Amounts(1_000, 0, 0, 0, 0)
    assert [await spent_and_held(funded, window) for window in windows] == [(0, 0)] * len(windows)
    async with funded.read() as tx:
        assert (await tx.scalars(select(Hold.id))).all() == []


async def test_a_charge_above_its_hold_or_below_nothing_is_a_bug_and_changes_nothing(
    funded: Database,
) -> None:
    await place(funded, "task_1", 400)
    for charge in (401, -1):
        with pytest.raises(ValueError, match="nano-dollars"):
            await post(funded, "task_1", charge)
    assert await wallet(funded) == Amounts(600, 0, 0, 400, 0)
    assert not await post(funded, "task_unknown", 1)


async def test_poll_callback_cancel_and_deadline_at_once_resolve_a_hold_once(funded: Database) -> None:
    """T42 and T46: 100 races of six in random order, one winner each, and the money adds up."""
    dice = random.Random(SEED)
    for number in range(100):
        id = f"task_{number}"
        await place(funded, id, 8, MONTH)
        ways = [
            post(funded, id, 5),
            post(funded, id, 5),
            post(funded, id, 7),
            *(void(funded, id) for _ in range(3)),
        ]
        dice.shuffle(ways)
        assert sum(await asyncio.gather(*ways)) == 1
    found = await wallet(funded)
    assert (found.held, found.balance + found.spent) == (0, 1_000)
    assert await spent_and_held(funded, MONTH) == (found.spent, 0)
    await assert_clean(funded)


async def test_what_a_server_has_leased_is_not_held_twice(funded: Database) -> None:
    async with funded.write() as tx:
        assert await AccountPot("acc_1", "live").lease(tx, "server-1", 1, need=700, share=4) == 700
    with pytest.raises(NoCredit):
        await place(funded, "task_1", 301)
    assert await place(funded, "task_1", 300)
    assert await wallet(funded) == Amounts(0, 700, 0, 300, 0)
    await assert_clean(funded)


@pytest.mark.parametrize(("scope", "subject"), [("key", "key_1"), ("account", "acc_1")])
async def test_what_a_hold_has_of_a_budget_is_held_and_not_left(
    funded: Database, scope: Scope, subject: str
) -> None:
    credit = Credit(funded, "server-1", 1, FakeClock(0.0))
    budget = Budget(credit, id="bud_3", scope=scope, subject=subject, mode="live", amount=600)
    purse = budget.purse(0.0)
    await place(funded, "task_1", 350, budget.window(0.0))
    await credit.fill(purse, 50)
    purse.take(50)
    assert await credit.standing_of(budget.window(0.0)) == Standing(balance=200, held=400, spent=0, leased=50)
    await credit.fill(purse, 300)
    assert purse.free == 200, "what is held is not leased"
    purse.take(200)
    standing = await credit.standing_of(budget.window(0.0))
    assert standing == Standing(balance=0, held=600, spent=0, leased=250)
    refused = budget.refusal(standing, 1, purse.free, 0.0)
    assert "used up: 0.00 of 0.0000006 USD spent and 0.0000006 USD held for open requests" in refused.message
    await post(funded, "task_1", 100)
    assert await credit.standing_of(budget.window(0.0)) == Standing(250, 250, 100, 250)
