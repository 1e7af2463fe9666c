"""The ledger's SQL: deposits, withdrawals, leases and what an account has. Each takes an open transaction.

Whoever changes a wallet and its leases changes the wallet first: in two orders, two servers would deadlock.
"""

from typing import NamedTuple

from sqlalchemy import case, delete, func, insert, select, update

from pronghorn.errors import Conflict, NoCredit
from pronghorn.kit.money import MAX_NANO, format_usd
from pronghorn.store import Tx
from pronghorn.store.models import Entry, Lease, Wallet


class Amounts(NamedTuple):
    """One account in one mode, nano-dollars: `balance + leased + spent` is what was ever paid in."""

    balance: int
    leased: int
    leased_here: int
    """The part of `leased` that belongs to the server that asks."""
    spent: int


def account_book(account_id: str) -> str:
    return f"account:{account_id}"


async def open_wallet(tx: Tx, account_id: str, mode: str) -> None:
    await tx.execute(insert(Wallet).values(account_id=account_id, mode=mode, balance=0, spent=0))


async def adjust(tx: Tx, account_id: str, mode: str, amount: int, *, note: str, now_ms: int) -> None:
    """Pay in (`amount` > 0) or take out. Raises `NoCredit` if less than that is free, `Conflict` on overflow."""
    moved = await tx.execute(
        update(Wallet)
        .where(Wallet.account_id == account_id, Wallet.mode == mode)
        .where(Wallet.balance >= -amount, Wallet.balance <= MAX_NANO - max(amount, 0) - Wallet.spent)
        .values(balance=Wallet.balance + amount)
    )
    if not moved.rowcount:
        if amount > 0:
            raise Conflict(f"adding {format_usd(amount)} USD would exceed the largest balance")
        raise NoCredit(f"less than {format_usd(-amount)} USD is free in this account")
    book = account_book(account_id)
    await tx.execute(
        insert(Entry).values(
            created_ms=now_ms,
            mode=mode,
            kind="deposit" if amount > 0 else "withdrawal",
            debit="funding" if amount > 0 else book,
            credit=book if amount > 0 else "funding",
            amount=abs(amount),
            note=note,
        )
    )


async def amounts(
    tx: Tx, account_ids: list[str], mode: str, server: str = "", epoch: int = 0
) -> dict[str, Amounts]:
    is_here = (Lease.server == server) & (Lease.epoch == epoch)
    leases = (
        select(
            Lease.account_id,
            func.sum(Lease.amount).label("leased"),
            func.sum(case((is_here, Lease.amount), else_=0)).label("leased_here"),
        )
        .where(Lease.mode == mode, Lease.account_id.in_(account_ids))
        .group_by(Lease.account_id)
        .subquery()
    )
    rows = await tx.execute(
        select(Wallet.account_id, Wallet.balance, leases.c.leased, leases.c.leased_here, Wallet.spent)
        .outerjoin(leases, leases.c.account_id == Wallet.account_id)
        .where(Wallet.mode == mode, Wallet.account_id.in_(account_ids))
    )
    return {
        account_id: Amounts(balance, int(leased or 0), int(here or 0), spent)
        for account_id, balance, leased, here, spent in rows
    }


async def take_lease(
    tx: Tx, account_id: str, mode: str, server: str, epoch: int, *, need: int, share: int
) -> int:
    """Move a slice of the balance to this server: `need`, or a `share`-th of the balance if that is more.

    Gives what was moved; less than `need` when the balance has no more.
    """
    wallet = (Wallet.account_id == account_id, Wallet.mode == mode)
    balance = await tx.scalar(select(Wallet.balance).where(*wallet).with_for_update())
    slice_ = min(balance or 0, max(need, (balance or 0) // share))
    if slice_ <= 0:
        return 0
    await tx.execute(update(Wallet).where(*wallet).values(balance=Wallet.balance - slice_))
    lease = (
        Lease.account_id == account_id,
        Lease.mode == mode,
        Lease.server == server,
        Lease.epoch == epoch,
    )
    grown = await tx.execute(update(Lease).where(*lease).values(amount=Lease.amount + slice_))
    if not grown.rowcount:
        values = {"account_id": account_id, "mode": mode, "server": server, "epoch": epoch, "amount": slice_}
        await tx.execute(insert(Lease).values(values))
    return slice_


async def return_lease(tx: Tx, account_id: str, mode: str, server: str, epoch: int, amount: int) -> None:
    """Give `amount` of a lease back to the balance."""
    await tx.execute(
        update(Wallet)
        .where(Wallet.account_id == account_id, Wallet.mode == mode)
        .values(balance=Wallet.balance + amount)
    )
    shrunk = await tx.execute(
        update(Lease)
        .where(
            Lease.account_id == account_id,
            Lease.mode == mode,
            Lease.server == server,
            Lease.epoch == epoch,
            Lease.amount >= amount,
        )
        .values(amount=Lease.amount - amount)
    )
    if not shrunk.rowcount:
        raise Conflict("the lease does not hold that much")


async def reclaim_leases(tx: Tx, server: str, before_epoch: int) -> int:
    """Give back what former lives of this server had leased. Their journals must be posted before."""
    dead = (Lease.server == server, Lease.epoch < before_epoch)
    found = select(Lease.account_id, Lease.mode, Lease.amount).where(*dead)
    rows = (await tx.execute(found.order_by(Lease.account_id, Lease.mode))).all()
    for account_id, mode, amount in rows:
        await tx.execute(
            update(Wallet)
            .where(Wallet.account_id == account_id, Wallet.mode == mode)
            .values(balance=Wallet.balance + amount)
        )
    await tx.execute(delete(Lease).where(*dead))
    return len(rows)
