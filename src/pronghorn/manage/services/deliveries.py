"""Deliveries: what was told, to whom, how often it was tried and what came of it."""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import select

from pronghorn.accounts.act import Act
from pronghorn.commerce import deliveries
from pronghorn.manage import fields
from pronghorn.manage.fields import Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.store import Tx
from pronghorn.store import models as table

Status = Literal["waiting", "sent", "failed"]


class Delivery(Struct):
    id: str
    """Also its `webhook-id`."""
    account_id: str
    kind: str
    way: Literal["email", "webhook"]
    target: str
    """The address, or the webhook's host."""
    data: dict[str, Any]
    status: Status
    attempts: int
    error: str
    """Of the last attempt."""
    created_at: Time
    next_at: Time | None
    """When it is tried again."""
    sent_at: Time | None


def view(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        account_id=row.account_id,
        kind=row.kind,
        way=row.way,
        target=row.target,
        data=row.data,
        status=row.status,
        attempts=row.attempts,
        error=row.error,
        created_at=fields.time_text(row.created_ms),
        next_at=fields.time_text(row.next_ms) if row.status == deliveries.WAITING else None,
        sent_at=None if row.sent_ms is None else fields.time_text(row.sent_ms),
    )


async def page(tx: Tx, part: Window, account_id: str | None, status: Status | None) -> Page[Delivery]:
    statement = select(table.Delivery)
    if account_id is not None:
        statement = statement.where(table.Delivery.account_id == account_id)
    if status is not None:
        statement = statement.where(table.Delivery.status == status)
    return await fetch(tx, statement, table.Delivery.created_ms, table.Delivery.id, part, view)


async def replay(tx: Tx, act: Act, delivery_id: str) -> Delivery:
    await deliveries.replay(tx, delivery_id, act.now_ms)
    await act.record(tx, "delivery.replay", delivery_id)
    return view((await tx.execute(select(table.Delivery).where(table.Delivery.id == delivery_id))).one())
