"""Holds in the database: money set aside for work that outlives a process, such as a task.

Two-phase, as a transfer that is pending and then posted, at most to its amount, or voided: resolved once, whoever comes
first. Each function takes an open transaction; the same call twice does nothing the second time.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from pronghorn.errors import NoCredit
from pronghorn.kit.money import format_usd
from pronghorn.ledger import pots
from pronghorn.ledger.pots import HOLD_EPOCH, AccountPot, Window, dialect_insert
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import BudgetLease, Entry, Hold, Wallet

_NO_SHARE = 10**30
"""A hold takes what it needs and nothing in advance."""


async def place(
    tx: Tx, hold_id: str, account_id: str, mode: str, amount: int, windows: Sequence[Window], *, now_ms: int
) -> bool:
    """Set `amount` nano-dollars aside, of the wallet and of each window. False: it was placed before.

    `now_ms`: when the work came in, which is when its charge will be booked.
    Raises `NoCredit` if the wallet or a window has less: the transaction must be rolled back then. What servers have
    leased and not used is called back by `Credit` before.
    """
    values = {
        "id": hold_id,
        "account_id": account_id,
        "mode": mode,
        "amount": amount,
        "posted": 0,
        "state": "pending",
        "windows": [window.name for window in windows],
        "created_ms": now_ms,
    }
    placed = await tx.execute(dialect_insert(tx)(Hold).values(values).on_conflict_do_nothing())
    if not placed.rowcount:
        return False
    taken = await tx.execute(
        update(Wallet)
        .where(Wallet.account_id == account_id, Wallet.mode == mode, Wallet.balance >= amount)
        .values(balance=Wallet.balance - amount)
    )
    if not taken.rowcount:
        raise NoCredit(f"less than {format_usd(amount)} USD of this account's balance is free; top up")
    for window in sorted(windows, key=lambda window: window.name):
        if amount and await window.lease(tx, hold_id, HOLD_EPOCH, need=amount, share=_NO_SHARE) < amount:
            raise NoCredit(
                f"less than {format_usd(amount)} USD of the budget of this {window.scope} is free",
                detail={"scope": window.scope, "limit_usd": format_usd(window.limit)},
            )
    return True


async def post(tx: Tx, hold_id: str, charge: int, *, now_ms: int) -> bool:
    """Charge `charge`, at most the hold, and release the rest. False: it was resolved before, or never placed."""
    return await _resolve(tx, hold_id, "posted", charge, now_ms)


async def void(tx: Tx, hold_id: str, *, now_ms: int) -> bool:
    """Release all of it. False: it was resolved before, or never placed."""
    return await _resolve(tx, hold_id, "voided", 0, now_ms)


async def _resolve(tx: Tx, hold_id: str, state: str, charge: int, now_ms: int) -> bool:
    if charge < 0:
        raise ValueError(f"a charge of {charge} nano-dollars is negative")
    resolved = await tx.execute(
        update(Hold)
        .where(Hold.id == hold_id, Hold.state == "pending", Hold.amount >= charge)
        .values(state=state, posted=charge, resolved_ms=now_ms)
        .returning(Hold.account_id, Hold.mode, Hold.amount, Hold.windows, Hold.created_ms)
    )
    row = resolved.one_or_none()
    if row is None:
        await _refuse_too_much(tx, hold_id, charge)
        return False
    wallet = AccountPot(row.account_id, row.mode)
    await wallet.pay(tx, row.amount - charge)
    if charge:
        await wallet.spend(tx, hold_id, HOLD_EPOCH, charge)
        await tx.execute(insert(Entry).values(_entry(row, hold_id, charge)))
    for name in sorted(row.windows):
        await pots.spend_window(tx, name, hold_id, HOLD_EPOCH, charge)
    await tx.execute(delete(BudgetLease).where(BudgetLease.server == hold_id))
    return True


async def _refuse_too_much(tx: Tx, hold_id: str, charge: int) -> None:
    """A bug of the caller's, which must not pass for a hold that somebody else resolved."""
    pending = select(Hold.amount).where(Hold.id == hold_id, Hold.state == "pending")
    amount = await tx.scalar(pending)
    if amount is not None:
        raise ValueError(f"a charge of {charge} nano-dollars is more than the hold of {amount}")


def _entry(row: Any, hold_id: str, charge: int) -> dict[str, Any]:
    """Of the time at which the work came in, as every charge: statements and the usage log have it in one month."""
    return {
        "created_ms": row.created_ms,
        "mode": row.mode,
        "kind": "charge",
        "debit": account_book(row.account_id),
        "credit": "revenue",
        "amount": charge,
        "reference": f"charge:{hold_id}",
    }
