"""Deliveries: what was told, to whom, how often it was tried and what came of it."""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import select

from pronghorn.accounts.act import Act
from pronghorn.commerce import deliveries
from pronghorn.errors import NotFound
from pronghorn.manage import fields
from pronghorn.manage.fields import Time
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table

Status = Literal["waiting", "sent", "failed"]


class Delivery(Struct):
    id: str
    """Also its `webhook-id`."""
    account_id: str
    kind: str
    way: Literal["email", "webhook", "callback"]
    target: str
    """The address, or of a URL its origin."""
    subject: str | None
    """The task's id."""
    data: dict[str, Any]
    """What was told; empty for a callback, whose body is kept sealed."""
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
        subject=row.subject,
        data=row.data,
        status=row.status,
        attempts=row.attempts,
        error=row.error,
        created_at=fields.time_text(row.created_ms),
        next_at=fields.time_text(row.next_ms) if row.status == deliveries.WAITING else None,
        sent_at=fields.maybe_time(row.sent_ms),
    )


async def page(
    tx: Tx, part: Window, account_id: str | None, status: Status | None, subject: str | None
) -> Page[Delivery]:
    of = table.Delivery
    statement = matching(select(of), (of.account_id, account_id), (of.status, status), (of.subject, subject))
    return await fetch(tx, statement, of.created_ms, of.id, part, view)


async def get(tx: Tx, delivery_id: str) -> Delivery:
    row = (await tx.execute(select(table.Delivery).where(table.Delivery.id == delivery_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id!r}; the list of deliveries has their ids")
    return view(row)


async def replay(tx: Tx, act: Act, delivery_id: str) -> Delivery:
    await deliveries.replay(tx, delivery_id, act.now_ms)
    await act.record(tx, "delivery.replay", delivery_id)
    return await get(tx, delivery_id)
