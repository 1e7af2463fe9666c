"""Wallets and leases: the database itself refuses what must not be, and servers at once never lease a thing twice."""

import asyncio
import random

import pytest
from sqlalchemy import Executable, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pronghorn.errors import Conflict, NoCredit
from pronghorn.ledger import repository
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Database
from pronghorn.store.models import Account, Entry, Lease, Wallet

DEPOSIT = 10_000
LEASED = 1_000


@pytest.fixture
async def funded(database: Database) -> Database:
    """One account with a deposit, of which a server has leased a part."""
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        await repository.open_wallet(tx, "acc_1", "live")
        await repository.adjust(tx, "acc_1", "live", DEPOSIT, note="", now_ms=1)
        await AccountPot("acc_1", "live").lease(tx, "server-0", 1, need=LEASED, share=10**9)
    return database


async def amounts(database: Database) -> tuple[int, int]:
    """The balance and the sum of all leases."""
    async with database.read() as tx:
        balance = await tx.scalar(select(Wallet.balance))
        leased = await tx.scalar(select(func.sum(Lease.amount)))
    return int(balance or 0), int(leased or 0)


ENTRY = {"created_ms": 1, "mode": "live", "kind": "charge", "debit": "a", "credit": "b"}


@pytest.mark.parametrize(
    "statement",
    [
        update(Wallet).values(balance=Wallet.balance - DEPOSIT),
        update(Wallet).values(balance=-1),
        insert(Wallet).values(account_id="acc_1", mode="test", balance=-1, spent=0),
        update(Lease).values(amount=Lease.amount - LEASED - 1),
        insert(Lease).values(account_id="acc_1", mode="live", server="server-1", epoch=1, amount=-1),
        insert(Lease).values(account_id="acc_unknown", mode="live", server="server-1", epoch=1, amount=1),
        insert(Wallet).values(account_id="acc_unknown", mode="live", balance=1, spent=0),
        insert(Wallet).values(account_id="acc_1", mode="live", balance=1, spent=0),
        insert(Entry).values(**ENTRY, amount=0),
        insert(Entry).values(**ENTRY, amount=-1),
        delete(Account),
    ],
    ids=lambda statement: " ".join(str(statement).split()[:3]),
)
async def test_the_database_itself_refuses_what_must_not_be(funded: Database, statement: Executable) -> None:
    with pytest.raises(IntegrityError):
        async with funded.write() as tx:
            await tx.execute(statement)
    assert await amounts(funded) == (DEPOSIT - LEASED, LEASED)


async def test_all_of_a_balance_may_be_used_but_no_more(funded: Database) -> None:
    async with funded.write() as tx:
        await tx.execute(update(Wallet).values(balance=0))
        await tx.execute(update(Lease).values(amount=0))
    assert await amounts(funded) == (0, 0)


async def test_more_than_a_lease_holds_does_not_come_back(funded: Database) -> None:
    with pytest.raises(Conflict):
        async with funded.write() as tx:
            await AccountPot("acc_1", "live").unlease(tx, "server-0", 1, LEASED + 1)
    assert await amounts(funded) == (DEPOSIT - LEASED, LEASED)


async def test_servers_at_once_lease_a_balance_once(funded: Database) -> None:
    """Each with connections of its own; they go on until nothing is left."""

    async def drain(server: str) -> int:
        database, total = Database(funded.url), 0
        while True:
            async with database.write() as tx:
                taken = await AccountPot("acc_1", "live").lease(tx, server, 1, need=150, share=10**9)
            if not taken:
                await database.close()
                return total
            total += taken

    drained = await asyncio.gather(*(drain(f"server-{number}") for number in range(8)))
    assert sum(drained) == DEPOSIT - LEASED
    assert await amounts(funded) == (0, DEPOSIT)


async def test_leases_returns_and_withdrawals_at_once_keep_the_sum(funded: Database) -> None:
    async def trade(number: int) -> int:
        """Gives what it took out of the account."""
        dice, server, withdrawn = random.Random(number), f"server-{number % 4}", 0
        for _ in range(10):
            async with funded.write() as tx:
                taken = await AccountPot("acc_1", "live").lease(
                    tx, server, 1, need=dice.randrange(1, 1_500), share=10**9
                )
            try:
                async with funded.write() as tx:
                    await repository.adjust(tx, "acc_1", "live", -50, note="", now_ms=1)
                withdrawn += 50
            except NoCredit:
                pass
            if taken:
                async with funded.write() as tx:
                    await AccountPot("acc_1", "live").unlease(tx, server, 1, taken - taken // 10)
        return withdrawn

    withdrawn = sum(await asyncio.gather(*(trade(number) for number in range(8))))
    assert withdrawn > 0
    assert sum(await amounts(funded)) == DEPOSIT - withdrawn


@pytest.mark.parametrize("amount", [50, -50])
async def test_an_adjustment_that_is_sent_twenty_times_at_once_is_done_once(
    funded: Database, amount: int
) -> None:
    async def adjust() -> bool:
        async with funded.write() as tx:
            return await repository.adjust(
                tx, "acc_1", "live", amount, note="", now_ms=1, reference="adjust:1"
            )

    assert sum(await asyncio.gather(*(adjust() for _ in range(20)))) == 1
    assert sum(await amounts(funded)) == DEPOSIT + amount
