"""Top-up: how a user gets money into the account: payments, redeem codes, and the list of what was ordered.

Payment routes of this family answer `{"message": "success", "data": ..., "url": ...}` instead of the usual envelope.
"""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from sqlalchemy import func, select

from pronghorn.commerce import codes, epay, orders, purchases, stripe_checkout
from pronghorn.commerce.orders import Wanted as WantedOrder
from pronghorn.errors import BadRequest
from pronghorn.kit import quota
from pronghorn.kit.currency import format_minor, minor_decimals
from pronghorn.kit.money import NANO_PER_USD, parse_usd
from pronghorn.portal.answer import Answer, body
from pronghorn.portal.caller import AnyRequest, Caller
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared, Wanted
from pronghorn.portal.ratios import ratio
from pronghorn.store.failures import translated
from pronghorn.store.models import Order

METHODS = {"alipay": "Alipay", "wxpay": "WeChat Pay"}
STATES = {"open": "pending", "paid": "success", "expired": "expired"}


class Redeem(msgspec.Struct):
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Pay(msgspec.Struct):
    """Where payers come back to afterwards is the operator's choice: addresses sent along are left out of account."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    """US dollars."""
    payment_method: Annotated[str, msgspec.Meta(max_length=20)] = ""


class Payment(msgspec.Struct, omit_defaults=True):
    data: Any
    message: str = ""
    url: str = ""


@get("/api/user/topup/info")
async def info(desk: Shared, caller: Asking) -> Answer:
    settings = desk.context.settings
    pays = orders.providers(settings)
    least = -(-parse_usd(settings.top_up_minimum_usd) // NANO_PER_USD)
    methods = [{"name": name, "type": kind, "min_topup": least} for kind, name in METHODS.items()]
    return Answer(
        {
            "enable_online_topup": epay.NAME in pays,
            "enable_stripe_topup": stripe_checkout.NAME in pays,
            "enable_creem_topup": False,
            "enable_redemption": True,
            "pay_methods": methods if epay.NAME in pays else [],
            "min_topup": least,
            "stripe_min_topup": least,
            "amount_options": [],
            "discount": {},
            "topup_link": "",
        }
    )


@post("/api/user/topup", status_code=200)
async def redeem(request: AnyRequest, desk: Shared, caller: Asking) -> Answer:
    account, given = caller.wallet(), await body(request, Redeem)
    context = desk.context
    desk.codes.take(context.clock.monotonic(), caller.user_id)
    act = caller.act(context.now_ms)
    async with context.write() as tx:
        done = await codes.redeem(tx, act, context.secrets, given.key, account.id, user_id=caller.user_id)
    desk.codes.give_back(caller.user_id)
    return Answer(quota.left(done.amount))


@post("/api/user/amount", status_code=200)
async def epay_amount(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    return await _amount(request, desk, caller, epay.NAME)


@post("/api/user/stripe/amount", status_code=200)
async def stripe_amount(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    return await _amount(request, desk, caller, stripe_checkout.NAME)


@post("/api/user/pay", status_code=200)
async def epay_pay(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    given = await body(request, Pay)
    return by_epay(await _place(desk, caller, given, epay.NAME, given.payment_method))


@post("/api/user/stripe/pay", status_code=200)
async def stripe_pay(request: AnyRequest, desk: Shared, caller: Asking) -> Payment:
    return by_stripe(await _place(desk, caller, await body(request, Pay), stripe_checkout.NAME))


@get("/api/user/topup/self")
async def own_orders(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """`keyword`: an order's id or the beginning of one, as it stands."""
    part, keyword = filters.part(), filters.text("keyword").strip()
    if caller.account is None:
        return part.of([], 0)
    where = [Order.account_id == caller.account.id]
    if keyword:
        where.append(Order.id.startswith(keyword, autoescape=True))
    found = select(*Order.__table__.columns).where(*where).order_by(Order.created_ms.desc(), Order.id.desc())
    async with desk.context.read() as tx:
        rows = (await tx.execute(found.offset(part.offset).limit(part.size))).all()
        total = await tx.scalar(select(func.count()).where(*where)) or 0
    numbers = await desk.numbers.of(desk.context, [row.id for row in rows])
    return part.of([_shown(row, numbers[row.id], caller) for row in rows], total)


async def _amount(request: AnyRequest, desk: Desk, caller: Caller, provider: str) -> Payment:
    given, account = await body(request, Pay), caller.wallet()
    check_on(desk, provider)
    wanted = WantedOrder(account.id, str(given.amount), provider)
    bill = orders.bill(desk.context.settings, wanted)
    return Payment(format_minor(bill.price_minor, bill.currency), "success")


async def _place(desk: Desk, caller: Caller, given: Pay, provider: str, method: str = "") -> orders.Placed:
    check_on(desk, provider)
    return await place(
        desk, caller, WantedOrder(caller.wallet().id, str(given.amount), provider, method=method)
    )


async def place(desk: Desk, caller: Caller, wanted: WantedOrder) -> orders.Placed:
    context = desk.context
    with translated():
        act = caller.act(context.now_ms)
        return await orders.place(context.database, context.settings, act, wanted)


def by_epay(placed: orders.Placed) -> Payment:
    return Payment(placed.checkout.form, "success", placed.checkout.form_action)


def by_stripe(placed: orders.Placed) -> Payment:
    return Payment({"pay_link": placed.checkout.url}, "success")


def check_on(desk: Desk, provider: str) -> None:
    """First of all: without it, what is wrong with an amount or a currency is of no interest."""
    if provider not in orders.providers(desk.context.settings):
        raise BadRequest(f"payments by {provider} are not switched on here", param="payment_method")


def _shown(row: Any, number: int, caller: Caller) -> dict[str, Any]:
    """A plan adds nothing to what the account may spend as it likes: its `amount` is 0, unless it stayed a top-up."""
    is_top_up = row.plan is None or (row.status == "paid" and row.subscription_id is None)
    minor = (row.price_minor, 10 ** minor_decimals(row.currency))
    return {
        "id": number,
        "user_id": caller.number,
        "amount": ratio(row.amount, NANO_PER_USD) if is_top_up else 0,
        "money": ratio(*((row.amount, NANO_PER_USD) if row.provider == purchases.BALANCE else minor)),
        "plan": row.plan or "",
        "currency": row.currency,
        "trade_no": row.id,
        "payment_method": row.method or row.provider,
        "payment_provider": row.provider,
        "create_time": row.created_ms // 1000,
        "complete_time": (row.paid_ms or 0) // 1000,
        "status": STATES.get(row.status, row.status),
    }


handlers = [info, redeem, epay_amount, stripe_amount, epay_pay, stripe_pay, own_orders]
