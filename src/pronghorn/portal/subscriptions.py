"""Subscriptions: plans that are offered, how one is bought, and those that the account has.

What uses them up is decided elsewhere. Owners and admins of an account buy; members do not decide for it.
"""

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import get, post, put
from sqlalchemy import select

from pronghorn.commerce import allowances, epay, plans, purchases, stripe_checkout
from pronghorn.commerce.orders import Placed
from pronghorn.commerce.orders import Wanted as WantedOrder
from pronghorn.errors import BadRequest
from pronghorn.kit import quota
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.portal import top_up
from pronghorn.portal.answer import Answer, body
from pronghorn.portal.caller import AnyRequest, Caller
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared
from pronghorn.portal.ratios import ratio
from pronghorn.portal.top_up import Payment
from pronghorn.store import Tx
from pronghorn.store.models import Allowance, Plan, Subscription

PREFERENCE = "subscription_first"
"""Allowances are always used before the account's own money."""
MAX_KEY = 255


class Buy(msgspec.Struct):
    plan_id: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    payment_method: Annotated[str, msgspec.Meta(max_length=20)] = ""
    """For Epay."""


class Preference(msgspec.Struct):
    billing_preference: str


@get("/api/subscription/plans")
async def offered(desk: Shared, caller: Asking) -> Answer:
    async with desk.context.read() as tx:
        rows = await _plans(tx)
    numbers = await _numbers(desk, rows)
    return Answer([{"plan": _plan(row, numbers[row.name])} for row in rows if row.is_active])


@get("/api/subscription/self")
async def own(desk: Shared, caller: Asking) -> Answer:
    found = [] if caller.account is None else await _own(desk, caller, caller.account.id)
    active = [each for each in found if each["subscription"]["status"] == "active"]
    return Answer({"billing_preference": PREFERENCE, "subscriptions": active, "all_subscriptions": found})


@put("/api/subscription/self/preference")
async def prefer(request: AnyRequest, caller: Asking) -> Answer:
    given = await body(request, Preference)
    if given.billing_preference != PREFERENCE:
        raise BadRequest(
            f"billing_preference: there is only {PREFERENCE!r} here: "
            "what plans allow is always used before the account's own money",
            param="billing_preference",
        )
    return Answer({"billing_preference": PREFERENCE})


@post("/api/subscription/balance/pay", status_code=200)
async def balance_pay(request: AnyRequest, desk: Shared, caller: Asking) -> Answer:
    account, given = caller.managed(), await body(request, Buy)
    context, key = desk.context, request.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY:
        raise BadRequest(f"Idempotency-Key must have at most {MAX_KEY} characters", param="Idempotency-Key")
    plan = await _named(desk, given.plan_id)
    # What this server has leased and not held is called back first: it is free, too.
    await context.credit.give_back(context.credit.purse(account.id, "live"))
    act = caller.act(context.now_ms)
    async with context.write() as tx:
        bought = await purchases.from_balance(tx, act, account.id, plan, key)
    return Answer({"trade_no": bought.order_id, "plan_id": given.plan_id, "plan": plan})


@post("/api/subscription/epay/pay", status_code=200)
async def epay_pay(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    given = await body(request, Buy)
    return top_up.by_epay(await _place(desk, caller, given, epay.NAME, given.payment_method))


@post("/api/subscription/stripe/pay", status_code=200)
async def stripe_pay(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    return top_up.by_stripe(await _place(desk, caller, await body(request, Buy), stripe_checkout.NAME))


async def _place(desk: Desk, caller: Caller, given: Buy, provider: str, method: str = "") -> Placed:
    account = caller.managed()
    top_up.check_on(desk, provider)
    plan = await _named(desk, given.plan_id)
    return await top_up.place(desk, caller, WantedOrder(account.id, "", provider, method=method, plan=plan))


async def _named(desk: Desk, number: int) -> str:
    async with desk.context.read() as tx:
        rows = await _plans(tx)
    numbers = await _numbers(desk, rows)
    for row in rows:
        if numbers[row.name] == number:
            return str(row.name)
    raise BadRequest(
        f"plan_id: there is no plan {number}; GET /api/subscription/plans lists them", param="plan_id"
    )


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
        lefts = await allowances.lefts(tx, [account_id])
        every_plan = await _plans(tx)
    numbers = await desk.numbers.of(desk.context, [row.id for row in rows])
    plan_numbers = await _numbers(desk, every_plan)
    return [
        {
            "subscription": {
                "id": numbers[row.id],
                "user_id": caller.number,
                "plan_id": plan_numbers[row.plan],
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
    """Retired ones too."""
    return list(await tx.execute(select(Plan).order_by(Plan.created_ms, Plan.name)))


async def _numbers(desk: Desk, rows: list[Any]) -> dict[str, int]:
    """By name. A number stays: who buys by it gets what was shown, whatever was removed since."""
    subjects = {row.name: _subject(row.name) for row in rows}
    numbers = await desk.numbers.of(desk.context, subjects.values())
    return {name: numbers[subject] for name, subject in subjects.items()}


def _subject(name: str) -> str:
    """As short as an id."""
    return f"plan_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


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


handlers = [offered, own, prefer, balance_pay, epay_pay, stripe_pay]
