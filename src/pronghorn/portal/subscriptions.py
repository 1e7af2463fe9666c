"""Subscriptions: plans that are offered, and those that the account has; what uses them up is decided elsewhere."""

from typing import Any

from litestar import get
from sqlalchemy import select

from pronghorn.commerce import plans
from pronghorn.kit import quota
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.portal.answer import Answer
from pronghorn.portal.caller import Caller
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared
from pronghorn.portal.ratios import ratio
from pronghorn.store import Tx
from pronghorn.store.models import Allowance, Plan, Subscription

PREFERENCE = "subscription_first"
"""Allowances are always used before the account's own money."""


@get("/api/subscription/plans")
async def offered(desk: Shared, caller: Asking) -> Answer:
    async with desk.context.read() as tx:
        rows = await _plans(tx)
    return Answer([{"plan": _plan(row, at)} for at, row in enumerate(rows, 1) if row.is_active])


@get("/api/subscription/self")
async def own(desk: Shared, caller: Asking) -> Answer:
    found = [] if caller.account is None else await _own(desk, caller, caller.account.id)
    active = [each for each in found if each["subscription"]["status"] == "active"]
    return Answer({"billing_preference": PREFERENCE, "subscriptions": active, "all_subscriptions": found})


async def _own(desk: Desk, caller: Caller, account_id: str) -> list[dict[str, Any]]:
    async with desk.context.read() as tx:
        rows = (
            await tx.execute(
                select(Subscription, Allowance.amount)
                .outerjoin(
                    Allowance,
                    (Allowance.subscription_id == Subscription.id)
                    & (Allowance.start_ms == Subscription.period_start_ms),
                )
                .where(Subscription.account_id == account_id)
                .order_by(Subscription.started_ms.desc(), Subscription.id)
            )
        ).all()
        lefts = await plans.lefts(tx, [account_id])
        places = {row.name: at for at, row in enumerate(await _plans(tx), 1)}
    numbers = await desk.numbers.of(desk.context, [row.id for row in rows])
    return [
        {
            "subscription": {
                "id": numbers[row.id],
                "user_id": caller.number,
                "plan_id": places[row.plan],
                "plan": row.plan,
                "amount_total": quota.left(row.amount or 0),
                "amount_used": quota.used((row.amount or 0) - lefts.get((row.id, row.period_start_ms), 0)),
                "start_time": row.period_start_ms // 1000,
                "end_time": row.period_end_ms // 1000,
                "status": "expired" if row.status == plans.ENDED else "active",
            }
        }
        for row in rows
    ]


async def _plans(tx: Tx) -> list[Any]:
    """Retired ones too: a plan's number is its place, and stays."""
    return list(await tx.execute(select(Plan).order_by(Plan.created_ms, Plan.name)))


def _plan(row: Any, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": row.name,
        "subtitle": row.description,
        "price_amount": ratio(row.price, NANO_PER_USD),
        "currency": "USD",
        "duration_unit": row.period,
        "duration_value": 1,
        "enabled": True,
        "total_amount": quota.left(row.allowance),
    }


handlers = [offered, own]
