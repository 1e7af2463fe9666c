"""Subscriptions: which account has which plan, since when, and what is left of this period's allowance."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import select

from pronghorn.accounts import account
from pronghorn.accounts.act import Act
from pronghorn.commerce import allowances, plans
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table

Status = Literal["active", "ending", "ended"]


class NewSubscription(Struct, forbid_unknown_fields=True):
    account_id: str
    plan: Name
    time_zone: Annotated[str, Meta(min_length=1, max_length=60, examples=["Asia/Shanghai"])] = "UTC"
    """An IANA name: its periods begin by the clocks there."""


class Cancellation(Struct, forbid_unknown_fields=True):
    when: Literal["period_end", "now"] = "period_end"


class Subscription(Struct):
    id: str
    account_id: str
    plan: str
    status: Status
    """`ending`: cancelled, until this period is over."""
    time_zone: str
    started_at: Time
    period_start: Time
    period_end: Time
    allowance_usd: Usd
    """Of this period."""
    left_usd: Usd
    cancelled_at: Time | None


async def create(tx: Tx, act: Act, new: NewSubscription) -> Subscription:
    await account.check(tx, new.account_id)
    subscription_id = await plans.subscribe(tx, new.account_id, new.plan, new.time_zone, act.now_ms)
    await act.record(
        tx,
        "subscription.create",
        subscription_id,
        account_id=new.account_id,
        plan=new.plan,
        time_zone=new.time_zone,
    )
    return await get(tx, subscription_id)


async def cancel(tx: Tx, act: Act, subscription_id: str, when: str) -> Subscription:
    await plans.cancel(tx, subscription_id, now=when == "now", now_ms=act.now_ms)
    await act.record(tx, "subscription.cancel", subscription_id, when=when)
    return await get(tx, subscription_id)


async def get(tx: Tx, subscription_id: str) -> Subscription:
    return (await _views(tx, [await plans.find(tx, subscription_id)]))[0]


async def page(
    tx: Tx, part: Window, account_id: str | None, plan: str | None, status: Status | None
) -> Page[Subscription]:
    of = table.Subscription
    statement = matching(select(of), (of.account_id, account_id), (of.plan, plan), (of.status, status))
    found: Page[Any] = await fetch(tx, statement, of.started_ms, of.id, part, lambda row: row)
    return Page(await _views(tx, found.items), found.next)


async def _views(tx: Tx, rows: Sequence[Any]) -> list[Subscription]:
    lefts = await allowances.lefts(tx, sorted({row.account_id for row in rows}))
    amounts = await _amounts(tx, [row.id for row in rows])
    names = [(row.id, row.period_start_ms) for row in rows]
    return [_view(row, amounts[name], lefts.get(name, 0)) for row, name in zip(rows, names, strict=True)]


async def _amounts(tx: Tx, subscription_ids: list[str]) -> dict[tuple[str, int], int]:
    of = table.Allowance
    rows = await tx.execute(
        select(of.subscription_id, of.start_ms, of.amount)
        .join(table.Subscription, table.Subscription.id == of.subscription_id)
        .where(of.subscription_id.in_(subscription_ids), of.start_ms == table.Subscription.period_start_ms)
    )
    return {(subscription_id, start_ms): amount for subscription_id, start_ms, amount in rows}


def _view(row: Any, amount: int, left: int) -> Subscription:
    return Subscription(
        id=row.id,
        account_id=row.account_id,
        plan=row.plan,
        status=row.status,
        time_zone=row.time_zone,
        started_at=fields.time_text(row.started_ms),
        period_start=fields.time_text(row.period_start_ms),
        period_end=fields.time_text(row.period_end_ms),
        allowance_usd=format_usd(amount),
        left_usd=format_usd(left),
        cancelled_at=fields.maybe_time(row.cancelled_ms),
    )
