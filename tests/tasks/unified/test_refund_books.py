"""Refunds in the books: the audit finds each that nobody made, and each that is not what the task cost."""

from typing import Any

from sqlalchemy import delete, insert, update
from tests.tasks.engine.house import ACCOUNT, PRICE, House
from tests.tasks.unified.stand import SONG

from pronghorn.accounts.act import Act
from pronghorn.ledger import audit
from pronghorn.store.models import Entry, Task, Wallet
from pronghorn.tasks import refunding

USD_10 = 10 * 10**9


async def _refunded(house: House) -> str:
    """A song that was made, charged, and given back."""
    view = await house.submit()
    house.studio.say_all("SUCCESS", data=SONG)
    await house.look()
    (row,) = await house.rows()
    async with house.database.write() as tx:
        assert await refunding.refund(tx, Act("cli", 5), row, "silent")
        assert not await refunding.refund(tx, Act("cli", 6), row, "silent")
    return view.id


async def _differences(house: House) -> list[audit.Difference]:
    async with house.database.read() as tx:
        return (await audit.audit(tx)).differences


async def test_after_a_refund_the_books_agree(house: House) -> None:
    await _refunded(house)
    assert await house.balance() == USD_10
    (row,) = await house.rows()
    (logged,) = await house.log()
    assert (row.cost, logged.cost) == (PRICE, PRICE)
    await house.check_books()


async def test_books_still_agree_when_the_task_is_forgotten(house: House) -> None:
    task_id = await _refunded(house)
    async with house.database.write() as tx:
        await tx.execute(delete(Task).where(Task.id == task_id))
    assert await _differences(house) == []


async def test_a_refund_that_is_not_what_the_task_cost_is_found(house: House) -> None:
    task_id = await _refunded(house)
    async with house.database.write() as tx:
        await tx.execute(update(Entry).where(Entry.kind == "refund").values(amount=PRICE + 1))
        await tx.execute(update(Wallet).values(balance=Wallet.balance + 1))
    assert await _differences(house) == [("each refund is booked", task_id, PRICE, PRICE + 1)]


async def test_a_refund_of_nothing_is_found(house: House) -> None:
    await _refunded(house)
    values: dict[str, Any] = {
        "created_ms": 7,
        "mode": "live",
        "kind": "refund",
        "debit": "revenue",
        "credit": f"account:{ACCOUNT}",
        "amount": 3,
        "reference": "refund:of-nothing",
    }
    async with house.database.write() as tx:
        await tx.execute(insert(Entry).values(values))
        await tx.execute(update(Wallet).values(balance=Wallet.balance + 3))
    assert await _differences(house) == [("each refund has its paper", "refund:of-nothing", 0, 3)]
