"""Money in and out of wallets, each time with its entry. Each function takes an open transaction."""

from sqlalchemy import insert, update

from pronghorn.errors import Conflict, NoCredit
from pronghorn.kit.money import MAX_NANO, format_usd
from pronghorn.ledger.pots import AccountPot, dialect_insert
from pronghorn.store import Tx
from pronghorn.store.models import Entry, Wallet


def account_book(account_id: str) -> str:
    return f"account:{account_id}"


async def open_wallet(tx: Tx, account_id: str, mode: str) -> None:
    await tx.execute(insert(Wallet).values(account_id=account_id, mode=mode, balance=0, spent=0))


async def adjust(
    tx: Tx, account_id: str, mode: str, amount: int, *, note: str, now_ms: int, reference: str | None = None
) -> bool:
    """Pay in (`amount` > 0) or take out, once for each `reference`: False if it was done before.

    Raises `NoCredit` if less than that is free, `Conflict` on overflow: the transaction must be rolled back then.
    """
    book = account_book(account_id)
    values = {
        "created_ms": now_ms,
        "mode": mode,
        "kind": "deposit" if amount > 0 else "withdrawal",
        "debit": "funding" if amount > 0 else book,
        "credit": book if amount > 0 else "funding",
        "amount": abs(amount),
        "reference": reference,
        "note": note,
    }
    written = await tx.execute(dialect_insert(tx)(Entry).values(values).on_conflict_do_nothing())
    if not written.rowcount:
        return False
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
    return True


async def pay_in(
    tx: Tx,
    account_id: str,
    amount: int,
    *,
    kind: str,
    source: str,
    reference: str,
    note: str = "",
    now_ms: int,
    mode: str = "live",
) -> bool:
    """Pay `amount` from the book `source` into a wallet, once for each `reference`: False if it was done before.

    `kind` is a word of up to 20 characters for the entry, such as `top_up` or `reward`. `source` is `funding` for
    money from outside, `promotion` for what the operator gives away. Raises `Conflict` on overflow.
    """
    values = {
        "created_ms": now_ms,
        "mode": mode,
        "kind": kind,
        "debit": source,
        "credit": account_book(account_id),
        "amount": amount,
        "reference": reference,
        "note": note,
    }
    # The entry first: its unique reference is what two at the same moment meet at.
    written = await tx.execute(dialect_insert(tx)(Entry).values(values).on_conflict_do_nothing())
    if not written.rowcount:
        return False
    moved = await tx.execute(
        update(Wallet)
        .where(Wallet.account_id == account_id, Wallet.mode == mode)
        .where(Wallet.balance <= MAX_NANO - amount - Wallet.spent)
        .values(balance=Wallet.balance + amount)
    )
    if not moved.rowcount:
        raise Conflict(f"adding {format_usd(amount)} USD would exceed the largest balance")
    return True


async def take_out(
    tx: Tx,
    account_id: str,
    most: int,
    *,
    kind: str,
    target: str,
    reference: str,
    note: str = "",
    now_ms: int,
    mode: str = "live",
) -> int:
    """Move what is free in a wallet, at most `most`, to the book `target`; gives how much that was.

    What servers have leased is not free. A `reference` that was used before raises `IntegrityError`: use one for
    each time.
    """
    wallet = AccountPot(account_id, mode)
    amount = min(await wallet.lock(tx), most)
    if amount <= 0:
        return 0
    await wallet.pay(tx, -amount)
    await tx.execute(
        insert(Entry).values(
            created_ms=now_ms,
            mode=mode,
            kind=kind,
            debit=account_book(account_id),
            credit=target,
            amount=amount,
            reference=reference,
            note=note,
        )
    )
    return amount
