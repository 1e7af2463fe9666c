"""Credit: leases in memory, money in the database, and their sum never changes but by paying in and out."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from sqlalchemy import insert

from pronghorn.errors import Conflict, NoCredit
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import MAX_NANO
from pronghorn.ledger import credit as module
from pronghorn.ledger import pots, repository
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Database, Tx
from pronghorn.store.models import Account

SEED = int(os.environ.get("PRONGHORN_TEST_SEED", "20261124"))  # noqa: TID251 - a test's own switch
LONG_S = 5.0


@pytest.fixture
async def credit(database: Database) -> Credit:
    async with database.write() as tx:
        for account_id in ("acc_1", "acc_2"):
            await tx.execute(
                insert(Account).values(id=account_id, name="a", group_name="default", created_ms=1)
            )
            for mode in ("live", "test"):
                await repository.open_wallet(tx, account_id, mode)
    return Credit(database, "server-1", 1, FakeClock())


async def pay(credit: Credit, amount: int, account_id: str = "acc_1") -> None:
    await credit.adjust(account_id, "live", amount, note="", now_ms=1)


async def standing(credit: Credit) -> tuple[int, int, int]:
    found = (await credit.standing(["acc_1"], "live"))["acc_1"]
    return found.balance, found.held, found.spent


def hold(purse: Purse, amount: int) -> None:
    assert purse.free >= amount
    purse.free -= amount
    purse.held += amount


async def test_filling_holding_settling_and_giving_back(credit: Credit) -> None:
    await pay(credit, 1_000)
    purse = credit.purse("acc_1", "live")
    await credit.fill(purse, 50)
    assert purse.free == 250  # a fourth of the balance, so that the next request finds some
    assert await standing(credit) == (1_000, 0, 0)
    hold(purse, 100)
    assert await standing(credit) == (900, 100, 0)
    purse.settle(100, 30)
    assert await standing(credit) == (970, 0, 30)
    await credit.give_back(purse)
    assert purse.free == 0
    assert await standing(credit) == (970, 0, 30)
    await credit.give_back(purse)  # nothing left: nothing happens
    assert await standing(credit) == (970, 0, 30)


async def test_what_is_on_its_way_back_is_not_shown_as_spent(credit: Credit, database: Database) -> None:
    await pay(credit, 1_000)
    purse = credit.purse("acc_1", "live")
    await credit.fill(purse, 50)
    hold(purse, 100)
    purse.settle(100, 30)
    async with database.write() as tx:
        await AccountPot("acc_1", "live").lock(tx)
        going_back = asyncio.create_task(credit.give_back(purse))
        await asyncio.sleep(0)
        assert purse.free == 0
        assert await standing(credit) == (970, 0, 30)
    await going_back
    assert await standing(credit) == (970, 0, 30)


@pytest.mark.parametrize(
    ("need", "free"), [(10, 250), (62, 250), (63, 63), (250, 250), (600, 600), (5_000, 1_000), (0, 0)]
)
async def test_a_lease_is_what_is_needed_or_a_share(credit: Credit, need: int, free: int) -> None:
    await pay(credit, 1_000)
    purse = credit.purse("acc_1", "live")
    await credit.fill(purse, need)
    assert purse.free == free


async def test_an_empty_or_unknown_account_leases_nothing(credit: Credit) -> None:
    for account_id in ("acc_1", "acc_unknown"):
        purse = credit.purse(account_id, "live")
        await credit.fill(purse, 100)
        assert purse.free == 0


async def test_two_servers_share_a_balance_and_never_more(credit: Credit, database: Database) -> None:
    await pay(credit, 1_000)
    servers = [Credit(database, f"server-{number}", 1, FakeClock()) for number in range(6)]
    purses = [server.purse("acc_1", "live") for server in servers]
    await asyncio.gather(*(server.fill(purse, 300) for server, purse in zip(servers, purses, strict=True)))
    assert sum(purse.free for purse in purses) == 1_000
    assert max(purse.free for purse in purses) <= 300


async def test_filling_twice_at_once_leases_once(credit: Credit) -> None:
    await pay(credit, 10_000)
    purse = credit.purse("acc_1", "live")
    await asyncio.gather(*(credit.fill(purse, 100) for _ in range(5)))
    assert purse.free == 2_500


async def test_modes_and_accounts_are_apart(credit: Credit) -> None:
    await pay(credit, 1_000)
    for purse in (credit.purse("acc_1", "test"), credit.purse("acc_2", "live")):
        await credit.fill(purse, 10)
        assert purse.free == 0


async def test_taking_out_calls_leased_money_back(credit: Credit) -> None:
    await pay(credit, 1_000)
    purse = credit.purse("acc_1", "live")
    await credit.fill(purse, 800)
    hold(purse, 200)
    with pytest.raises(NoCredit):
        await pay(credit, -801)
    await pay(credit, -800)
    assert await standing(credit) == (0, 200, 0)
    purse.settle(200, 50)
    assert await standing(credit) == (150, 0, 50)
    with pytest.raises(NoCredit):
        await pay(credit, -151)


async def test_no_balance_beyond_what_a_column_holds(credit: Credit) -> None:
    await pay(credit, MAX_NANO)
    with pytest.raises(Conflict):
        await pay(credit, 1)
    assert (await standing(credit))[0] == MAX_NANO


async def test_idle_leases_go_back_and_busy_ones_stay(credit: Credit, database: Database) -> None:
    await pay(credit, 1_000)
    clock = FakeClock()
    timed = Credit(database, "server-2", 1, clock)
    purse = timed.purse("acc_1", "live")
    purse.used_at = clock.monotonic()
    await timed.fill(purse, 100)
    await timed.give_back_idle()
    assert purse.free > 0
    clock.advance(module.IDLE_RETURN_S + 1)
    hold(purse, 10)
    await timed.give_back_idle()
    assert purse.free > 0  # a request is open
    purse.settle(10, 0)
    await timed.give_back_idle()
    assert purse.free == 0
    await timed.fill(purse, 100)
    await timed.give_back_all()
    assert purse.free == 0


class Broken:
    """A database that fails before the commit, or after it."""

    def __init__(self, database: Database, *, commits: bool) -> None:
        self._database = database
        self._commits = commits

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with self._database.write() as tx:
            if not self._commits:
                raise ConnectionError("lost before the work")
            yield tx
        raise ConnectionError("lost before the answer to the commit")


@pytest.mark.parametrize("commits", [False, True])
async def test_money_whose_return_failed_is_kept_only_if_it_is_still_ours(
    credit: Credit, database: Database, commits: bool
) -> None:
    await pay(credit, 1_000)
    purse = credit.purse("acc_1", "live")
    await credit.fill(purse, 50)
    credit._database = cast(Database, Broken(database, commits=commits))
    with pytest.raises(ConnectionError):
        await credit.give_back(purse)
    credit._database = database
    assert purse.free == (0 if commits else 250)
    assert await standing(credit) == (1_000, 0, 0)


# Waiting in line


async def in_line(
    credit: Credit, purse: Purse, needs: list[int]
) -> tuple[list[asyncio.Task[None]], list[int]]:
    """Requests that wait one after the other, and hold what they waited for; the list says who was served."""
    served: list[int] = []

    async def wait(number: int, need: int) -> None:
        if await credit.wait_for_settlement(purse, need, LONG_S):
            hold(purse, need)
            served.append(number)

    tasks = []
    for number, need in enumerate(needs):
        tasks.append(asyncio.create_task(wait(number, need)))
        await turns()
    return tasks, served


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def held(credit: Credit, amount: int) -> Purse:
    purse = credit.purse("acc_1", "live")
    purse.free = amount
    hold(purse, amount)
    return purse


async def test_waiters_are_served_in_the_order_in_which_they_came(credit: Credit) -> None:
    purse = held(credit, 300)
    tasks, served = await in_line(credit, purse, [100, 100, 100])
    for count in (1, 2, 3):
        purse.settle(100, 0)
        await turns()
        assert served == list(range(count))
    await stop(tasks)


async def test_one_settlement_serves_all_that_it_pays_for(credit: Credit) -> None:
    purse = held(credit, 300)
    tasks, served = await in_line(credit, purse, [100, 100, 100])
    purse.settle(300, 0)
    await turns()
    assert served == [0, 1, 2]
    await stop(tasks)


async def test_who_needs_more_keeps_the_first_place(credit: Credit) -> None:
    purse = held(credit, 200)
    tasks, served = await in_line(credit, purse, [100, 100])
    purse.settle(100, 40)  # 60 are free: not enough for the first
    await turns()
    assert served == []
    purse.settle(100, 60)  # 100 are free: they are the first one's
    await turns()
    assert served == [0]
    await stop(tasks)


async def test_nobody_waits_for_what_cannot_come(credit: Credit) -> None:
    purse = held(credit, 100)
    assert not await credit.wait_for_settlement(purse, 101, LONG_S)
    assert not await credit.wait_for_settlement(purse, 50, 0.0)
    assert not await credit.wait_for_settlement(purse, 50, 0.001)
    assert not purse.waiters
    purse.settle(100, 0)
    assert await credit.wait_for_settlement(purse, 100, 0.0)


async def test_who_cannot_be_served_any_more_leaves_the_line_at_once(credit: Credit) -> None:
    purse = held(credit, 100)
    tasks, served = await in_line(credit, purse, [100, 50])
    purse.settle(100, 40)  # 60 are free and nothing is held: the first waits for nothing
    await turns()
    assert served == [1]
    assert all(task.done() for task in tasks)


async def test_who_is_served_and_takes_nothing_leaves_it_to_the_next(credit: Credit) -> None:
    purse = held(credit, 100)
    first = asyncio.create_task(credit.wait_for_settlement(purse, 100, LONG_S))
    await turns()
    tasks, served = await in_line(credit, purse, [100])
    purse.settle(100, 0)
    assert await first
    await turns()
    assert served == [0]
    await stop(tasks)


async def test_a_waiter_that_gave_up_is_passed_over(credit: Credit) -> None:
    purse = held(credit, 100)
    tasks, served = await in_line(credit, purse, [50, 50])
    tasks[0].cancel()
    await turns()
    purse.settle(100, 0)
    await turns()
    assert served == [1]
    await stop(tasks)


async def test_random_sequences_keep_the_sum_and_nothing_goes_below_zero(
    credit: Credit, database: Database
) -> None:
    print(f"PRONGHORN_TEST_SEED={SEED}")
    dice = random.Random(SEED)
    deposits = 0
    servers = [credit, Credit(database, "server-2", 1, FakeClock())]
    open_holds: list[tuple[Purse, int]] = []
    charged: dict[Purse, int] = dict.fromkeys((server.purse("acc_1", "live") for server in servers), 0)
    for _ in range(120):
        server = dice.choice(servers)
        purse = server.purse("acc_1", "live")
        action = dice.choice(["pay", "take", "fill", "fill", "hold", "hold", "settle", "settle", "back"])
        if action == "pay":
            amount = dice.randrange(1, 5_000)
            await pay(server, amount)
            deposits += amount
        elif action == "take":
            amount = dice.randrange(1, 3_000)
            try:
                await pay(server, -amount)
                deposits -= amount
            except NoCredit:
                pass
        elif action == "fill":
            await server.fill(purse, dice.randrange(1, 2_000))
        elif action == "hold" and purse.free:
            amount = dice.randrange(1, purse.free + 1)
            hold(purse, amount)
            open_holds.append((purse, amount))
        elif action == "settle" and open_holds:
            held_by, amount = open_holds.pop(dice.randrange(len(open_holds)))
            charge = dice.randrange(amount + 1)
            held_by.settle(amount, charge)
            charged[held_by] += charge
        elif action == "back":
            await server.give_back(purse)
        async with database.read() as tx:
            stored = (await pots.account_amounts(tx, ["acc_1"], "live"))["acc_1"]
        assert stored.balance >= 0
        assert stored.balance + stored.leased + stored.spent == deposits
        in_memory = sum(known.free + known.held + charged[known] for known in charged)
        assert stored.leased == in_memory
        assert all(known.free >= 0 and known.held >= 0 for known in charged)
        for each in servers:
            found = (await each.standing(["acc_1"], "live"))["acc_1"]
            assert found.balance + found.held + found.spent == deposits
            assert min(found) >= 0
            assert found.spent == charged[each.purse("acc_1", "live")]
