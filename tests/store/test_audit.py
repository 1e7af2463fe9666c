"""The audit names every difference that somebody or something has put into the ledger, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from tests.unit.ledger.test_journal import record

from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import holds, posting, repository
from pronghorn.ledger.audit import audit
from pronghorn.ledger.journal import Journal, Record
from pronghorn.ledger.pots import AccountPot
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.store import Database
from pronghorn.store.models import (
    Account,
    BudgetLease,
    Code,
    CodeBatch,
    Entry,
    Hold,
    Key,
    Lease,
    Order,
    Request,
    Server,
    Wallet,
)
from pronghorn.wire.usage import Usage

USD = 1_000_000_000
PRICE = Price(PriceDocument(input_usd_per_million="0.3", output_usd_per_million="1.1"))
ORDER = {
    "provider": "epay",
    "price_minor": 700,
    "currency": "CNY",
    "pay_url": "",
    "created_ms": 1,
    "paid_ms": 2,
}


def settled(number: int) -> Record:
    """Every fifth costs more than its hold."""
    made = record(number)
    made.usage = Usage(input=100 * number, output=7)
    cost = PRICE.charge(made.usage, 850_000)
    made.lines, made.factor_ppm, made.hold = cost.lines, 850_000, cost.nano - (number % 5 == 0)
    made.charge, made.shortfall = made.hold, cost.nano - made.hold
    made.account_id, made.key_id, made.mode = "acc_1", "key_1", "live"
    return made


@pytest.fixture
async def ledger(database: Database, tmp_path: Path) -> Database:
    """Money paid in by each way, leased, held, charged and posted: a ledger in use."""
    async with database.write() as tx:
        for id in ("acc_1", "acc_2"):
            await tx.execute(insert(Account).values(id=id, name="a", group_name="default", created_ms=1))
        key = {
            "id": "key_1",
            "account_id": "acc_1",
            "name": "k",
            "mode": "live",
            "hint": "h",
            "hash": b"h" * 32,
        }
        await tx.execute(insert(Key).values(**key, created_ms=1))
        await tx.execute(insert(Server).values(id="server-1", epoch=2, started_ms=1))
        for mode in ("live", "test"):
            await repository.open_wallet(tx, "acc_1", mode)
            await repository.adjust(tx, "acc_1", mode, 3 * USD, note="", now_ms=1)
        await repository.adjust(tx, "acc_1", "live", -USD, note="", now_ms=1)
        order = {**ORDER, "id": "ord_1", "account_id": "acc_1", "amount": USD, "status": "paid"}
        await tx.execute(insert(Order).values(order))
        batch = {"id": "bat_1", "name": "b", "amount": USD, "count": 1, "created_ms": 1}
        await tx.execute(insert(CodeBatch).values(batch))
        code = {"id": "cod_1", "batch_id": "bat_1", "hint": "h", "hash": b"c" * 32, "created_ms": 1}
        await tx.execute(insert(Code).values(**code, redeemed_ms=2, redeemed_account_id="acc_1"))
        for kind, reference in (("top_up", "order:ord_1"), ("redeem", "code:cod_1")):
            await repository.pay_in(
                tx, "acc_1", USD, kind=kind, source="funding", reference=reference, now_ms=2
            )
        await AccountPot("acc_1", "live").lease(tx, "server-1", 2, need=USD, share=4)
        for task in ("task_1", "task_2"):
            await holds.place(tx, task, "acc_1", "live", 1_000, [], now_ms=2)
        await holds.post(tx, "task_1", 700, now_ms=3)
    journal = Journal(tmp_path, "server-1", 2, 50)
    for number in range(1, 13):
        journal.append(settled(number))
    journal.close()
    await posting.post_all(database, tmp_path, FakeClock())
    return database


async def test_a_ledger_in_use_is_clean(ledger: Database) -> None:
    async with ledger.read() as tx:
        report = await audit(tx)
    assert report.differences == []
    assert (report.wallets, report.requests) == (2, 12)
    assert (
        report.entries == 2 + 1 + 2 + 1 + 12 + 2
    )  # deposits, withdrawal, ways in, task, charges, shortfalls


ONE = Request.id == settled(4).id
DAMAGE: dict[str, tuple[Any, set[str]]] = {
    "a nano-dollar more": (
        update(Wallet).where(Wallet.mode == "live").values(balance=Wallet.balance + 1),
        {"entries = balance + leases + holds"},
    ),
    "spent counted twice": (
        update(Wallet).where(Wallet.mode == "live").values(spent=Wallet.spent + 5),
        {"charges = spent"},
    ),
    "a lease that shrank": (
        update(Lease).values(amount=Lease.amount - 1),
        {"entries = balance + leases + holds"},
    ),
    "a hold released without a trace": (
        update(Hold).where(Hold.id == "task_2").values(state="voided"),
        {"entries = balance + leases + holds"},
    ),
    "an entry is gone": (
        delete(Entry).where(Entry.reference == f"charge:{settled(4).id}"),
        {"entries = balance + leases + holds", "charges = spent", "each charge is booked"},
    ),
    "an entry that nobody asked for": (
        insert(Entry).values(
            created_ms=1,
            mode="live",
            kind="charge",
            debit="account:acc_1",
            credit="revenue",
            amount=9,
            reference="charge:req_none",
        ),
        {"entries = balance + leases + holds", "charges = spent", "each charge has its paper"},
    ),
    "an entry of nobody's": (
        insert(Entry).values(
            created_ms=1, mode="live", kind="deposit", debit="funding", credit="account:acc_9", amount=9
        ),
        {"entries have a wallet"},
    ),
    "a row that says another cost": (
        update(Request).where(ONE).values(cost=Request.cost + 1),
        {"each charge is booked", "requests = spent by the key", "explain = cost + shortfall"},
    ),
    "a row that is gone": (
        delete(Request).where(ONE),
        {"each charge has its paper", "requests = spent by the key"},
    ),
    "a row of another account": (
        update(Request).where(ONE).values(account_id="acc_9"),
        {"each charge is booked", "each charge has its paper"},
    ),
    "a top-up of another account": (
        update(Order).values(account_id="acc_2"),
        {"each top_up is booked", "each top_up has its paper"},
    ),
    "a shortfall that is not booked": (
        delete(Entry).where(Entry.reference == f"shortfall:{settled(5).id}"),
        {"each shortfall is booked"},
    ),
    "a key that spent too little": (
        update(Key).values(spent=Key.spent - 1),
        {"requests = spent by the key"},
    ),
    "an order that was paid and not booked": (
        insert(Order).values(**ORDER, id="ord_2", account_id="acc_1", amount=5, status="paid"),
        {"each top_up is booked"},
    ),
    "a top-up whose order is open": (
        update(Order).values(status="open"),
        {"each top_up has its paper"},
    ),
    "a code that nobody redeemed": (
        update(Code).values(redeemed_ms=None, redeemed_account_id=None),
        {"each redeem has its paper"},
    ),
    "a life that is over has money": (update(Server).values(epoch=3), {"no lease of a former life"}),
    "a lease of no window": (
        insert(BudgetLease).values(budget_id="bud_1", start_ms=0, server="server-1", epoch=2, amount=5),
        {"leases have a window"},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_each_damage_is_named_and_nothing_else(ledger: Database, name: str) -> None:
    statement, rules = DAMAGE[name]
    async with ledger.write() as tx:
        await tx.execute(statement)
    async with ledger.read() as tx:
        assert {difference.rule for difference in (await audit(tx)).differences} == rules
