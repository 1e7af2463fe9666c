"""Orders: top-ups and plans that are paid at a payment provider, from the first wish to the money in the wallet.

What an order costs and brings is written down once, when it is placed. A provider's notice only says that it was
paid; the amounts are those of the order. An order of a plan is a top-up by its price, which buys the plan at once if
it is paid before it expires.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog
from sqlalchemy import func, insert, select, update

from pronghorn.accounts import account
from pronghorn.accounts.act import Act
from pronghorn.commerce import epay, invitations, plans, purchases, stripe_checkout
from pronghorn.commerce.checkout import Bill, Checkout, Ended, Paid
from pronghorn.commerce.plans import Offer
from pronghorn.errors import BadRequest, Conflict
from pronghorn.kit.currency import Rate, format_minor, parse_rate
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import format_usd, parse_usd
from pronghorn.ledger import repository
from pronghorn.ledger.pots import AccountPot
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store.models import Order

if TYPE_CHECKING:
    from pronghorn.commerce.jobs import Services

Outcome = Literal["paid", "repeated", "refused", "unknown", "ended", "ignored"]
"""What a notice led to. Money moves with `paid` alone."""

EXPIRES_AFTER_MS = 48 * 60 * 60 * 1000
"""Longer than any provider keeps a checkout open."""
MOST_OPEN = 20
"""Orders of one account that wait to be paid."""

_BEGIN: dict[str, Callable[[Settings, Bill], Awaitable[Checkout]]] = {
    stripe_checkout.NAME: stripe_checkout.begin,
    epay.NAME: epay.begin,
}
_REQUIRED = {stripe_checkout.NAME: stripe_checkout.REQUIRED, epay.NAME: epay.REQUIRED}

log = structlog.get_logger()


class Wanted(NamedTuple):
    """What somebody asks for."""

    account_id: str
    amount_usd: str
    """Of a top-up; empty if there is a `plan`, which has its price."""
    provider: str
    currency: str = ""
    """Empty: the provider's own, or the first of `top_up_rates`."""
    method: str = ""
    """For Epay, its kind of payment: `alipay` if empty."""
    plan: str = ""
    """The name of the plan to buy."""


class Placed(NamedTuple):
    """An order that waits to be paid."""

    id: str
    price: str
    """What the payer pays, a decimal string in `currency`."""
    currency: str
    checkout: Checkout
    """`checkout.url` is where the payer goes; `checkout.form` and `form_action` are the same as a form (Epay)."""


def providers(settings: Settings) -> list[str]:
    """Those that are switched on."""
    return [
        name
        for name, required in _REQUIRED.items()
        if settings.public_url and all(getattr(settings, setting) for setting in required)
    ]


def bill(settings: Settings, wanted: Wanted, plan: Offer | None = None) -> Bill:
    """A new order's amounts, checked. Raises `BadRequest` with the field; asks nobody.

    `plan`: the one that is wanted. The least and the most of a top-up do not hold for its price.
    """
    if wanted.provider not in _BEGIN:
        raise BadRequest(f"provider must be {' or '.join(_BEGIN)}", param="provider")
    is_epay = wanted.provider == epay.NAME
    if wanted.method and not is_epay:
        raise BadRequest("method: the payer chooses it at Stripe; leave it out", param="method")
    amount = _amount(settings, wanted.amount_usd) if plan is None else plan.price
    rate = _rate(settings, wanted.currency or (epay.CURRENCY if is_epay else ""))
    if is_epay and rate.currency != epay.CURRENCY:
        raise BadRequest(f"currency: Epay takes {epay.CURRENCY} alone", param="currency")
    method = epay.method(wanted.method) if is_epay else ""
    return Bill(new_id("ord"), amount, rate.price(amount), rate.currency, method, plan)


async def place(database: Database, settings: Settings, act: Act, wanted: Wanted) -> Placed:
    """Place an order for an account and get the address where it is paid.

    The one way in for all doors: the management API, the command line, and a user's own top-up, where the door passes
    an account that the user may pay for and `Act("user:<id>", now_ms)`. Raises `BadRequest` with `param`
    (`account_id`, `amount_usd`, `plan`, `provider`, `currency`, `method`), `Conflict` if too many wait to be paid, and
    `Unavailable` if the provider does not answer.

    Opens its own transactions, since none stays open while a provider is asked. The order is written down when the
    provider has answered: until then nobody knows an address where it could be paid.
    """
    if bool(wanted.plan) == bool(wanted.amount_usd):
        raise BadRequest(
            "give amount_usd for a top-up, or plan to buy one: exactly one of the two",
            param="plan" if wanted.plan else "amount_usd",
        )
    async with database.read() as tx:
        new = bill(settings, wanted, await plans.offer(tx, wanted.plan) if wanted.plan else None)
        await account.check(tx, wanted.account_id)
        await _check_room(tx, wanted.account_id, act.now_ms)
    checkout = await _BEGIN[wanted.provider](settings, new)
    async with database.write() as tx:
        # Many at once have all seen room for one: here they come one after the other.
        await AccountPot(wanted.account_id, "live").lock(tx)
        await _check_room(tx, wanted.account_id, act.now_ms)
        await _write_down(tx, act, wanted, new, checkout)
    return Placed(new.order_id, format_minor(new.price_minor, new.currency), new.currency, checkout)


async def _check_room(tx: Tx, account_id: str, now_ms: int) -> None:
    is_open = (Order.status == "open", Order.created_ms >= now_ms - EXPIRES_AFTER_MS)
    waiting = await tx.scalar(select(func.count()).where(Order.account_id == account_id, *is_open))
    if (waiting or 0) >= MOST_OPEN:
        raise Conflict(
            f"{waiting} orders of this account wait to be paid, and no more than {MOST_OPEN} may; pay one of them, "
            "or wait: an order that nobody pays expires after 48 hours",
            param="account_id",
        )


async def _write_down(tx: Tx, act: Act, wanted: Wanted, new: Bill, checkout: Checkout) -> None:
    await tx.execute(
        insert(Order).values(
            id=new.order_id,
            account_id=wanted.account_id,
            provider=wanted.provider,
            method=new.method,
            amount=new.amount,
            plan=None if new.plan is None else new.plan.name,
            plan_allowance=None if new.plan is None else new.plan.allowance,
            plan_period=None if new.plan is None else new.plan.period,
            price_minor=new.price_minor,
            currency=new.currency,
            status="open",
            reference=checkout.reference,
            pay_url=checkout.url,
            created_ms=act.now_ms,
        )
    )
    await act.record(
        tx,
        "order.create",
        new.order_id,
        account_id=wanted.account_id,
        provider=wanted.provider,
        amount_usd=format_usd(new.amount),
        **({} if new.plan is None else {"plan": new.plan.name}),
        price=format_minor(new.price_minor, new.currency),
        currency=new.currency,
    )


async def apply(tx: Tx, provider: str, notice: Paid | Ended | None, now_ms: int) -> Outcome:
    """Do what a checked notice says. The same notice again, or in another order, changes nothing more."""
    if notice is None:
        return "ignored"
    act = Act("system", now_ms)
    if isinstance(notice, Paid):
        return await settle(tx, act, provider, notice)
    return await end(tx, act, provider, notice)


async def settle(tx: Tx, act: Act, provider: str, paid: Paid) -> Outcome:
    """Pay an order in, once. `refused`: it does not fit the order; the audit says why, and nothing is booked."""
    # Locked, so that two notices about one order come one after the other.
    found = select(Order).where(Order.id == paid.order_id, Order.provider == provider).with_for_update()
    order = (await tx.execute(found)).one_or_none()
    if order is None:
        return "unknown"
    facts = {
        "provider": provider,
        "reference": paid.reference,
        "paid_minor": paid.paid_minor,
        "currency": paid.currency,
    }
    if reason := await _misfit(tx, order, paid):
        log.warning("order.refused", order=order.id, reason=reason, **facts)
        await act.record(tx, "order.refuse", order.id, reason=reason, **facts)
        return "refused"
    won = await tx.execute(
        update(Order)
        .where(Order.id == order.id, Order.status != "paid")
        .values(status="paid", paid_ms=act.now_ms, reference=paid.reference)
    )
    if not won.rowcount:
        return "repeated"
    await invitations.after_top_up(tx, order.account_id, act.now_ms)
    await repository.pay_in(
        tx,
        order.account_id,
        order.amount,
        kind="top_up",
        source="funding",
        reference=f"order:{order.id}",
        note=f"{provider} {paid.reference}",
        now_ms=act.now_ms,
    )
    await act.record(tx, "order.pay", order.id, amount_usd=format_usd(order.amount), **facts)
    if order.plan is not None:
        await purchases.carry_out(tx, act, order, order.created_ms + EXPIRES_AFTER_MS)
    return "paid"


async def _misfit(tx: Tx, order: Any, paid: Paid) -> str:
    """Why this payment cannot be the one for that order; empty: it can."""
    if paid.currency != order.currency:
        return f"paid in another currency than {order.currency}"
    if paid.paid_minor != order.price_minor:
        return f"the price is {format_minor(order.price_minor, order.currency)} {order.currency}"
    if order.reference not in (None, paid.reference):
        return f"the order belongs to another payment, {order.reference}"
    others = select(Order.id).where(
        Order.provider == order.provider, Order.reference == paid.reference, Order.id != order.id
    )
    other = await tx.scalar(others)
    return f"this payment has paid {other}" if other else ""


async def end(tx: Tx, act: Act, provider: str, ended: Ended) -> Outcome:
    """Note that nobody paid in time. A paid order stays paid."""
    order = (Order.id == ended.order_id, Order.provider == provider, Order.reference == ended.reference)
    closed = await tx.execute(update(Order).where(*order, Order.status == "open").values(status="expired"))
    if closed.rowcount:
        await act.record(tx, "order.expire", ended.order_id, provider=provider)
        return "ended"
    return "repeated" if await tx.scalar(select(Order.id).where(*order)) else "unknown"


async def expire_old(services: "Services") -> None:
    """A job: providers without such a notice leave orders open."""
    before_ms = int(services.clock.now() * 1000) - EXPIRES_AFTER_MS
    async with services.database.write() as tx:
        await tx.execute(
            update(Order).where(Order.status == "open", Order.created_ms < before_ms).values(status="expired")
        )


def _amount(settings: Settings, text: str) -> int:
    try:
        amount = parse_usd(text)
    except ValueError as error:
        raise BadRequest(f"amount_usd: {error}", param="amount_usd") from error
    least, most = parse_usd(settings.top_up_minimum_usd), parse_usd(settings.top_up_maximum_usd)
    if not least <= amount <= most:
        raise BadRequest(
            f"amount_usd must be between {format_usd(least)} and {format_usd(most)}", param="amount_usd"
        )
    return amount


def _rate(settings: Settings, currency: str) -> Rate:
    """The first for an empty `currency`."""
    rates = [parse_rate(text) for text in settings.top_up_rates]
    for rate in rates:
        if currency in ("", rate.currency):
            return rate
    known = ", ".join(rate.currency for rate in rates) or "none"
    raise BadRequest(
        f"currency: {currency[:10]!r} has no rate here; those with one: {known} (setting top_up_rates)",
        param="currency",
    )
