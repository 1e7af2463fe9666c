"""Plans: a subscription pays an allowance into its account's wallet for each period, and takes back what is left.

An operator gives one that begins period after period until it is cancelled; who buys one has one period of it.
"""

from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, insert, select, text, update

from pronghorn.commerce import allowances, calendar, periods
from pronghorn.errors import BadRequest, Conflict, NoCredit, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import format_usd
from pronghorn.ledger import repository
from pronghorn.store import Tx
from pronghorn.store.models import Allowance, Order, Plan, Subscription

if TYPE_CHECKING:
    from pronghorn.commerce.jobs import Services

log = structlog.get_logger()

ACTIVE, ENDING, ENDED = "active", "ending", "ended"
EVERY_S = 60.0
JOURNAL_LAG_S = 900.0
"""A journal that is further behind stops its server."""


class Offer(NamedTuple):
    """What somebody who buys a plan pays and gets, as of one moment. Nano-dollars."""

    name: str
    price: int
    allowance: int
    period: periods.Period


async def offer(tx: Tx, plan: str) -> Offer:
    """What it costs now. Raises `BadRequest` for a plan that cannot be bought."""
    row = await _taking(tx, plan)
    if not row.price:
        raise BadRequest(f"plan: {plan!r} has no price, so it cannot be bought", param="plan")
    return Offer(row.name, row.price, row.allowance, row.period)


async def subscribe(tx: Tx, account_id: str, plan: str, time_zone: str, now_ms: int) -> str:
    """Begin the first period at once; gives the subscription's id. Raises `BadRequest` that names the field."""
    zone = calendar.zone(time_zone)
    row = await _taking(tx, plan)
    funds = await allowances.catch_up(tx, account_id)
    return await _begin(tx, account_id, row, ACTIVE, zone, funds.gone, now_ms)


async def buy(tx: Tx, order: Any, reference: str, now_ms: int) -> str:
    """Begin the one period that an order has bought, and take its price out of the account's own money.

    Terms are those of the order. No period follows by itself: each is bought. Raises `NoCredit`, and `BadRequest` for
    a plan that takes no new subscriptions; then the transaction, or a savepoint of it, must be rolled back.
    """
    await _taking(tx, order.plan)
    bought = Offer(order.plan, order.amount, order.plan_allowance, order.plan_period)
    funds = await allowances.catch_up(tx, order.account_id)
    own = await allowances.own_money(tx, order.account_id, funds)
    if own < bought.price:
        raise NoCredit(
            f"plan {bought.name!r} costs {format_usd(bought.price)} USD; of the account's own money "
            f"{format_usd(own)} USD are free, allowances not counted"
        )
    await _pay(tx, order, reference, now_ms)
    zone = calendar.zone("UTC")
    subscription_id = await _begin(tx, order.account_id, bought, ENDING, zone, funds.gone, now_ms)
    # From here on the price is known not to have used an allowance.
    began = update(Order).where(Order.id == order.id).values(subscription_id=subscription_id)
    await tx.execute(began)
    return subscription_id


async def _pay(tx: Tx, order: Any, reference: str, now_ms: int) -> None:
    """The price pays for the allowance: it goes where that comes from."""
    await repository.take_out(
        tx,
        order.account_id,
        order.amount,
        kind="plan",
        target="promotion",
        reference=reference,
        note=order.plan,
        now_ms=now_ms,
    )


async def _taking(tx: Tx, plan: str) -> Any:
    """A plan that takes new subscriptions."""
    row = (await tx.execute(select(Plan).where(Plan.name == plan))).one_or_none()
    if row is None or not row.is_active:
        why = f"there is no plan {plan!r}" if row is None else f"plan {plan!r} takes no new subscriptions"
        raise BadRequest(f"plan: {why}; GET /manage/v1/plans lists them", param="plan")
    return row


async def _begin(
    tx: Tx, account_id: str, plan: Any, status: str, zone: ZoneInfo, gone: int, now_ms: int
) -> str:
    """The first period; gives the subscription's id."""
    start_ms, end_ms = periods.bounds(plan.period, now_ms, zone, now_ms)
    subscription_id = new_id("sub")
    await tx.execute(
        insert(Subscription).values(
            id=subscription_id,
            account_id=account_id,
            plan=plan.name,
            status=status,
            time_zone=zone.key,
            started_ms=now_ms,
            period_start_ms=start_ms,
            period_end_ms=end_ms,
        )
    )
    await allowances.grant(tx, subscription_id, account_id, plan, (start_ms, end_ms), gone, now_ms)
    return subscription_id


async def cancel(tx: Tx, subscription_id: str, *, now: bool, now_ms: int) -> None:
    """After this period, or with `now` at once: what is left of its allowance then goes back with the next job."""
    row = await find(tx, subscription_id)
    await allowances.catch_up(tx, row.account_id)
    subscription = (Subscription.id == subscription_id, Subscription.status != ENDED)
    values = {"status": ENDED, "period_end_ms": now_ms} if now else {"status": ENDING}
    cancelled_ms = func.coalesce(Subscription.cancelled_ms, now_ms)
    changed = await tx.execute(
        update(Subscription).where(*subscription).values(cancelled_ms=cancelled_ms, **values)
    )
    if not changed.rowcount:
        raise Conflict("this subscription has ended already")
    if now:
        open_ = (Allowance.subscription_id == subscription_id, Allowance.is_open, Allowance.end_ms > now_ms)
        await tx.execute(update(Allowance).where(*open_).values(end_ms=now_ms))


async def find(tx: Tx, subscription_id: str) -> Any:
    row = (await tx.execute(select(Subscription).where(Subscription.id == subscription_id))).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no subscription {subscription_id!r}; GET /manage/v1/subscriptions lists them"
        )
    return row


async def run(services: "Services") -> None:
    """End the periods that are over, and begin those that follow."""
    now_ms = int(services.clock.now() * 1000)
    ended = select(Allowance.account_id).distinct().where(text("is_open"), Allowance.end_ms <= now_ms)
    async with services.database.read() as tx:
        account_ids = (await tx.execute(ended)).scalars().all()
    settings = services.settings
    longest_s = max(settings.total_timeout_s, settings.socket_total_s) + JOURNAL_LAG_S
    for account_id in account_ids:
        try:
            async with services.database.write() as tx:
                await settle(tx, account_id, now_ms, int(longest_s * 1000))
        except Exception as error:
            log.warning("plan.settle_failed", account=account_id, error=repr(error))


async def settle(tx: Tx, account_id: str, now_ms: int, longest_ms: int) -> None:
    """Do what is due for one account; doing it again does nothing.

    `longest_ms`: after that, whatever was spent before the end of a period has reached the database.
    """
    funds = await allowances.catch_up(tx, account_id)
    await allowances.take_back(tx, account_id, funds.bound, now_ms, longest_ms)
    due = (
        Subscription.account_id == account_id,
        Subscription.status != ENDED,
        Subscription.period_end_ms <= now_ms,
    )
    for row in (await tx.execute(select(Subscription).where(*due).order_by(Subscription.id))).all():
        await _renew(tx, row, funds.gone, now_ms)


async def _renew(tx: Tx, row: Any, gone: int, now_ms: int) -> None:
    """Into the period of this moment: those that were missed whole would be over."""
    same = (Subscription.id == row.id, Subscription.period_end_ms == row.period_end_ms)
    if row.status == ENDING:
        await tx.execute(update(Subscription).where(*same).values(status=ENDED))
        return
    plan = (await tx.execute(select(Plan).where(Plan.name == row.plan))).one()
    bounds = periods.bounds(plan.period, row.started_ms, calendar.zone(row.time_zone), now_ms)
    moved = {"period_start_ms": bounds[0], "period_end_ms": bounds[1]}
    changed = await tx.execute(update(Subscription).where(*same).values(moved))
    if changed.rowcount:
        await allowances.grant(tx, row.id, row.account_id, plan, bounds, gone, now_ms)
