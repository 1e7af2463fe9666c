"""Accounts to pay into, and what is written down: whole tables, so that nothing hides."""

from typing import Any

from sqlalchemy import func, insert, select

from pronghorn.ledger import repository
from pronghorn.store import Database
from pronghorn.store.models import Account, Base, Entry, Wallet

NOW_MS = 1_780_000_000_000


async def open_accounts(database: Database, *ids: str) -> None:
    async with database.write() as tx:
        for account_id in ids:
            await tx.execute(
                insert(Account).values(id=account_id, name="a", group_name="default", created_ms=NOW_MS)
            )
            for mode in ("live", "test"):
                await repository.open_wallet(tx, account_id, mode)


async def balance(database: Database, account_id: str) -> int:
    """Live money, nano-dollars."""
    async with database.read() as tx:
        found = await tx.scalar(
            select(Wallet.balance).where(Wallet.account_id == account_id, Wallet.mode == "live")
        )
    assert found is not None
    return found


async def total(database: Database) -> int:
    """In all live wallets together."""
    async with database.read() as tx:
        return int(await tx.scalar(select(func.sum(Wallet.balance)).where(Wallet.mode == "live")) or 0)


async def entries(database: Database) -> list[tuple[str, str, str, int, str | None]]:
    """Kind, debit, credit, amount and reference, in the order of their references."""
    columns = Entry.kind, Entry.debit, Entry.credit, Entry.amount, Entry.reference
    async with database.read() as tx:
        rows = (await tx.execute(select(*columns).order_by(Entry.reference))).all()
    return [(row.kind, row.debit, row.credit, row.amount, row.reference) for row in rows]


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    async with database.read() as tx:
        return {
            name: sorted((tuple(row) for row in await tx.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }
