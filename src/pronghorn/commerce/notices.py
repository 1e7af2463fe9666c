"""Notices: when an account's balance falls under its threshold, somebody is told: once, until it was above again."""

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select, update

from pronghorn.commerce import deliveries
from pronghorn.kit.money import format_usd
from pronghorn.store import Tx
from pronghorn.store.models import Lease, Notice, Wallet

if TYPE_CHECKING:
    from pronghorn.commerce.jobs import Services

EVERY_S = 10.0

_LEASED = (
    select(func.coalesce(func.sum(Lease.amount), 0))
    .where(Lease.account_id == Notice.account_id, Lease.mode == "live")
    .correlate(Notice)
    .scalar_subquery()
)
_BALANCE = (
    select(Wallet.balance + _LEASED)
    .where(Wallet.account_id == Notice.account_id, Wallet.mode == "live")
    .correlate(Notice)
    .scalar_subquery()
)
"""What can still be spent; of what servers hold at this moment some may be spent already."""
_FALLEN = (Notice.is_low.is_(False), Notice.threshold > _BALANCE)
_RISEN = (Notice.is_low.is_(True), Notice.threshold <= _BALANCE)


async def run(services: "Services") -> None:
    now_ms = int(services.clock.now() * 1000)
    # Looked at first: a writing transaction would make others wait, and most times there is nothing to write.
    async with services.database.read() as tx:
        changed = select(Notice.account_id, Notice.is_low).where(or_(and_(*_FALLEN), and_(*_RISEN)))
        rows = (await tx.execute(changed)).all()
    for account_id, is_low in rows:
        async with services.database.write() as tx:
            await (_recover(tx, account_id) if is_low else _fall(tx, account_id, now_ms))


async def _fall(tx: Tx, account_id: str, now_ms: int) -> None:
    this = Notice.account_id == account_id
    told = await tx.execute(update(Notice).where(this, *_FALLEN).values(is_low=True))
    if not told.rowcount:
        return
    row = (await tx.execute(select(Notice, _BALANCE.label("balance")).where(this))).one()
    data = {
        "account_id": account_id,
        "balance_usd": format_usd(int(row.balance)),
        "threshold_usd": format_usd(row.threshold),
    }
    await deliveries.queue(tx, row, deliveries.BALANCE_LOW, data, now_ms)


async def _recover(tx: Tx, account_id: str) -> None:
    await tx.execute(update(Notice).where(Notice.account_id == account_id, *_RISEN).values(is_low=False))
