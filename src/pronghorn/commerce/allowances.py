"""Allowances: what plans let an account spend in a period, counted beside its wallet.

Whatever leaves the wallet uses the allowances first, in the order of their end, and the account's own money after
them; the price of a plan alone is own money. So an allowance is a count and no money of its own: the wallet holds the
sum. Each change locks the wallet first: what is counted then stands still.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, text, update

from pronghorn.ledger import pots, repository
from pronghorn.ledger.pots import AccountPot
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import Allowance, Entry, Order


class Funds(NamedTuple):
    """Of one account, nano-dollars."""

    free: int
    """What is in the wallet and no server has leased."""
    bound: int
    """Leased by servers or held for work that goes on: it may be spent already."""
    gone: int
    """All that ever left the wallet, but for what expired and what plans were bought with: it only grows."""


async def catch_up(tx: Tx, account_id: str) -> Funds:
    """Lock the wallet, and count what has left it since the last time as used."""
    await AccountPot(account_id, "live").lock(tx)
    funds = (await _funds(tx, [account_id]))[account_id]
    rows = await _open(tx, [account_id])
    for row, part in zip(rows, _shares(rows, funds.gone), strict=True):
        await _change(tx, row, used=row.used + part, seen=funds.gone)
    return funds


async def lefts(tx: Tx, account_ids: list[str]) -> dict[tuple[str, int], int]:
    """What is left of each open allowance, by its subscription and beginning."""
    funds = await _funds(tx, account_ids)
    by_account = defaultdict(list)
    for row in await _open(tx, account_ids):
        by_account[row.account_id].append(row)
    return {
        (row.subscription_id, row.start_ms): _left(row) - part
        for account_id, rows in by_account.items()
        for row, part in zip(rows, _shares(rows, funds[account_id].gone), strict=True)
    }


async def grant(
    tx: Tx, subscription_id: str, account_id: str, plan: Any, bounds: tuple[int, int], gone: int, now_ms: int
) -> None:
    start_ms, end_ms = bounds
    is_new = await repository.pay_in(
        tx,
        account_id,
        plan.allowance,
        kind="allowance",
        source="promotion",
        reference=f"allowance:{subscription_id}:{start_ms}",
        note=plan.name,
        now_ms=now_ms,
    )
    if is_new:
        await tx.execute(
            insert(Allowance).values(
                subscription_id=subscription_id,
                start_ms=start_ms,
                account_id=account_id,
                end_ms=end_ms,
                amount=plan.allowance,
                seen=gone,
            )
        )


async def take_back(tx: Tx, account_id: str, bound: int, now_ms: int, longest_ms: int) -> None:
    """What is left of allowances that are over, as far as it is free and surely was not spent in time.

    What is bound may have been spent before the end and not be posted yet: that much stays until it is, comes
    back, or `longest_ms` have passed.
    """
    unsure = bound
    for row in await _open(tx, [account_id]):
        if row.end_ms > now_ms:
            continue
        left = _left(row)
        kept = min(left, unsure) if now_ms < row.end_ms + longest_ms else 0
        unsure -= kept
        taken = await repository.take_out(
            tx,
            account_id,
            left - kept,
            kind="expiry",
            target="promotion",
            reference=f"expiry:{row.subscription_id}:{row.start_ms}:{row.expired}",
            now_ms=now_ms,
        )
        await _change(tx, row, expired=row.expired + taken, is_open=taken < left)


async def own_money(tx: Tx, account_id: str, funds: Funds) -> int:
    """What is free and no part of an allowance: work that goes on uses those first. Call it once caught up."""
    left = sum(_left(row) for row in await _open(tx, [account_id]))
    return max(0, min(funds.free, funds.free + funds.bound - left))


async def _funds(tx: Tx, account_ids: list[str]) -> dict[str, Funds]:
    books = [account_book(account_id) for account_id in account_ids]
    paid_in = await tx.execute(
        select(Entry.credit, func.sum(Entry.amount))
        # The second is for the index, which leaves revenue out.
        .where(Entry.credit.in_(books), text("credit <> 'revenue'"), Entry.mode == "live")
        .group_by(Entry.credit)
    )
    expired = await tx.execute(
        select(Allowance.account_id, func.sum(Allowance.expired))
        .where(Allowance.account_id.in_(account_ids))
        .group_by(Allowance.account_id)
    )
    bought = await tx.execute(
        select(Order.account_id, func.sum(Order.amount))
        .where(Order.account_id.in_(account_ids), Order.subscription_id.is_not(None))
        .group_by(Order.account_id)
    )
    came = {book: int(amount) for book, amount in paid_in}
    unused: defaultdict[str, int] = defaultdict(int)
    for account_id, amount in (*expired, *bought):
        unused[account_id] += int(amount)
    found = {}
    for account_id, amounts in (await pots.account_amounts(tx, account_ids, "live")).items():
        bound = amounts.leased + amounts.held
        left_wallet = came.get(account_book(account_id), 0) - amounts.balance - bound
        found[account_id] = Funds(amounts.balance, bound, left_wallet - unused[account_id])
    return found


async def _open(tx: Tx, account_ids: list[str]) -> Sequence[Any]:
    """In the order in which they are used."""
    rows = await tx.execute(
        select(Allowance)
        .where(Allowance.account_id.in_(account_ids), Allowance.is_open)
        .order_by(Allowance.end_ms, Allowance.start_ms, Allowance.subscription_id)
    )
    return rows.all()


def _shares(rows: Iterable[Any], gone: int) -> list[int]:
    """How much of what has gone since they were last looked at each allowance bears."""
    shares: list[int] = []
    for row in rows:
        fresh = max(0, gone - row.seen - sum(shares))
        shares.append(min(fresh, _left(row)))
    return shares


def _left(row: Any) -> int:
    return int(row.amount - row.used - row.expired)


async def _change(tx: Tx, row: Any, **values: Any) -> None:
    key = (Allowance.subscription_id == row.subscription_id, Allowance.start_ms == row.start_ms)
    await tx.execute(update(Allowance).where(*key).values(values))
