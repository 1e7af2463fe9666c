"""Purchases: plans that are paid for, from the account's own balance or by an order whose money has come.

Money is never lost to a plan that cannot be begun: what came from a provider stays in the wallet as a top-up.
"""

import hashlib
from typing import Any, NamedTuple

import structlog
from sqlalchemy import ColumnElement, insert, select

from pronghorn.accounts.act import Act
from pronghorn.commerce import plans
from pronghorn.commerce.plans import Offer
from pronghorn.errors import BadRequest, Conflict, IdempotencyMismatch
from pronghorn.kit.clock import iso
from pronghorn.kit.currency import parse_rate
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import format_usd
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Tx
from pronghorn.store.models import Order

BALANCE = "balance"
"""What stands where other orders have their provider."""
REPEAT_MS = 60_000
"""The same click within this time is a double one, or was sent again."""

_USD = parse_rate("USD=1")

log = structlog.get_logger()


class Bought(NamedTuple):
    order_id: str
    subscription_id: str
    is_repeated: bool
    """By the same `key` before: nothing was done now."""


async def from_balance(tx: Tx, act: Act, account_id: str, plan: str, key: str = "") -> Bought:
    """Buy one period of a plan with the account's own money, once for each click.

    `key` is what the caller calls this click, if anything: once for each. Without one a plan that was bought within a
    minute is not bought again, and `Conflict` says so. Raises `NoCredit`, and `BadRequest` for a plan that cannot be
    bought. Whatever was raised: roll back.
    """
    await _queue_up(tx, account_id)
    reference = f"{account_id}:{hashlib.sha256(key.encode()).hexdigest()}" if key else None
    if reference is not None:
        earlier = await _latest(tx, account_id, Order.reference == reference)
        if earlier is not None:
            if earlier.plan != plan:
                raise IdempotencyMismatch(f"this Idempotency-Key has bought plan {earlier.plan!r}")
            return Bought(earlier.id, earlier.subscription_id, True)
    else:
        await _check_no_double(tx, account_id, plan, act.now_ms)
    order = await _write_down(tx, act, account_id, await plans.offer(tx, plan), reference)
    return Bought(order.id, await _begin(tx, act, order, f"order:{order.id}"), False)


async def carry_out(tx: Tx, act: Act, order: Any, until_ms: int) -> None:
    """Buy the plan of an order whose money has just come in; if that is impossible the audit says why.

    `until_ms`: so long its terms hold. Else whoever keeps an order could buy at an old price for ever.
    """
    try:
        async with tx.begin_nested():
            if act.now_ms > until_ms:
                raise BadRequest(f"plan: the order came to its end at {iso(until_ms / 1000)}", param="plan")
            await _begin(tx, act, order, f"plan:{order.id}")
    except BadRequest as error:
        log.warning("order.plan_refused", order=order.id, plan=order.plan, reason=error.message)
        facts = {"account_id": order.account_id, "plan": order.plan, "reason": error.message}
        await act.record(tx, "subscription.refuse", order.id, **facts)


async def _begin(tx: Tx, act: Act, order: Any, reference: str) -> str:
    subscription_id = await plans.buy(tx, order, reference, act.now_ms)
    facts = {"account_id": order.account_id, "plan": order.plan, "order": order.id}
    await act.record(tx, "subscription.create", subscription_id, **facts)
    return subscription_id


async def _queue_up(tx: Tx, account_id: str) -> None:
    """Of two clicks at once the second one waits here, and then sees the order of the first."""
    await AccountPot(account_id, "live").lock(tx)


async def _check_no_double(tx: Tx, account_id: str, plan: str, now_ms: int) -> None:
    is_recent = Order.created_ms.between(now_ms - REPEAT_MS, now_ms + REPEAT_MS)
    earlier = await _latest(tx, account_id, (Order.plan == plan) & is_recent)
    if earlier is not None:
        raise Conflict(
            f"plan {plan!r} was bought within the last minute (order {earlier.id}), and is not bought twice; "
            "to have it once more, ask again in a minute, or with an Idempotency-Key of its own"
        )


async def _latest(tx: Tx, account_id: str, where: ColumnElement[bool]) -> Any:
    mine = (Order.account_id == account_id, Order.provider == BALANCE)
    found = select(Order).where(*mine, where).order_by(Order.created_ms.desc()).limit(1)
    return (await tx.execute(found)).one_or_none()


async def _write_down(tx: Tx, act: Act, account_id: str, bought: Offer, reference: str | None) -> Any:
    order_id = new_id("ord")
    await tx.execute(
        insert(Order).values(
            id=order_id,
            account_id=account_id,
            provider=BALANCE,
            amount=bought.price,
            price_minor=_USD.price(bought.price),
            currency=_USD.currency,
            plan=bought.name,
            plan_allowance=bought.allowance,
            plan_period=bought.period,
            status="paid",
            reference=reference,
            pay_url="",
            created_ms=act.now_ms,
            paid_ms=act.now_ms,
        )
    )
    facts = {"account_id": account_id, "provider": BALANCE, "plan": bought.name}
    await act.record(tx, "order.pay", order_id, amount_usd=format_usd(bought.price), **facts)
    return (await tx.execute(select(Order).where(Order.id == order_id))).one()
