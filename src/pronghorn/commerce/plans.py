"""Plans: a subscription pays an allowance into its account's wallet for each period, and takes back what is left.

Whatever leaves the wallet uses the allowances first, in the order of their end, and the account's own money after
them. So an allowance is a count beside the wallet and no money of its own: the wallet holds the sum. Each change
locks the wallet first: what is counted then stands still.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from sqlalchemy import func, insert, select, text, update

from pronghorn.commerce import calendar, periods
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.ledger import pots, repository
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import Allowance, Entry, Plan, Subscription, Wallet

if TYPE_CHECKING:
    from pronghorn.commerce.jobs import Services

log = structlog.get_logger()

ACTIVE, ENDING, ENDED = "active", "ending", "ended"
EVERY_S = 60.0
JOURNAL_LAG_S = 900.0
"""A journal that is further behind stops its server."""


class Funds(NamedTuple):
    """Of one account, nano-dollars."""

    bound: int
    """Leased by servers or held for work that goes on: it may be spent already."""
    gone: int
    """All that ever left the wallet, but for what expired: it only grows."""


async def subscribe(tx: Tx, account_id: str, plan: str, time_zone: str, now_ms: int) -> str:
    """Begin the first period at once; gives the subscription's id. Raises `BadRequest` that names the field."""
    zone = calendar.zone(time_zone)
    row = (await tx.execute(select(Plan).where(Plan.name == plan))).one_or_none()
    if row is None or not row.is_active:
        why = f"there is no plan {plan!r}" if row is None else f"plan {plan!r} takes no new subscriptions"
        raise BadRequest(f"plan: {why}; GET /manage/v1/plans lists them", param="plan")
    funds = await _catch_up(tx, account_id)
    start_ms, end_ms = periods.bounds(row.period, now_ms, zone, now_ms)
    subscription_id = new_id("sub")
    await tx.execute(
        insert(Subscription).values(
            id=subscription_id,
            account_id=account_id,
            plan=plan,
            status=ACTIVE,
            time_zone=time_zone,
            started_ms=now_ms,
            period_start_ms=start_ms,
            period_end_ms=end_ms,
        )
    )
    await _grant(tx, subscription_id, account_id, row, (start_ms, end_ms), funds.gone, now_ms)
    return subscription_id


async def cancel(tx: Tx, subscription_id: str, *, now: bool, now_ms: int) -> None:
    """After this period, or with `now` at once: what is left of its allowance then goes back with the next job."""
    row = await find(tx, subscription_id)
    await _catch_up(tx, row.account_id)
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


async def lefts(tx: Tx, account_ids: list[str]) -> dict[tuple[str, int], int]:
    """What is left of each open allowance, by its subscription and beginning."""
    funds = await _funds(tx, account_ids)
    by_account = defaultdict(list)
    for row in await _open(tx, account_ids):
        by_account[row.account_id].append(row)
    return {
        (row.subscription_id, row.start_ms): _left(row) - part
        for account_id, rows in by_account.items()
        for row, part in zip(rows, _shares(rows, funds[account_id].gone), strict=True)
    }


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
    funds = await _catch_up(tx, account_id)
    await _take_back(tx, account_id, funds.bound, now_ms, longest_ms)
    due = (
        Subscription.account_id == account_id,
        Subscription.status != ENDED,
        Subscription.period_end_ms <= now_ms,
    )
    for row in (await tx.execute(select(Subscription).where(*due).order_by(Subscription.id))).all():
        await _renew(tx, row, funds.gone, now_ms)


async def _catch_up(tx: Tx, account_id: str) -> Funds:
    """Lock the wallet, and count what has left it since the last time as used."""
    wallet = (Wallet.account_id == account_id, Wallet.mode == "live")
    await tx.execute(select(Wallet.balance).where(*wallet).with_for_update())
    funds = (await _funds(tx, [account_id]))[account_id]
    rows = await _open(tx, [account_id])
    for row, part in zip(rows, _shares(rows, funds.gone), strict=True):
        await _change(tx, row, used=row.used + part, seen=funds.gone)
    return funds


async def _funds(tx: Tx, account_ids: list[str]) -> dict[str, Funds]:
    books = [account_book(account_id) for account_id in account_ids]
    paid_in = await tx.execute(
        select(Entry.credit, func.sum(Entry.amount))
        # The second is for the index, which leaves revenue out.
        .where(Entry.credit.in_(books), text("credit <> 'revenue'"), Entry.mode == "live")
        .group_by(Entry.credit)
    )
    expired = await tx.execute(
        select(Allowance.account_id, func.sum(Allowance.expired))
        .where(Allowance.account_id.in_(account_ids))
        .group_by(Allowance.account_id)
    )
    came = {book: int(amount) for book, amount in paid_in}
    went_back = {account_id: int(amount) for account_id, amount in expired}
    found = {}
    for account_id, amounts in (await pots.account_amounts(tx, account_ids, "live")).items():
        bound = amounts.leased + amounts.held
        left_wallet = came.get(account_book(account_id), 0) - amounts.balance - bound
        found[account_id] = Funds(bound, left_wallet - went_back.get(account_id, 0))
    return found


async def _open(tx: Tx, account_ids: list[str]) -> Sequence[Any]:
    """In the order in which they are used."""
    rows = await tx.execute(
        select(Allowance)
        .where(Allowance.account_id.in_(account_ids), Allowance.is_open)
        .order_by(Allowance.end_ms, Allowance.start_ms, Allowance.subscription_id)
    )
    return rows.all()


def _shares(rows: Iterable[Any], gone: int) -> list[int]:
    """How much of what has gone since they were last looked at each allowance bears."""
    shares: list[int] = []
    for row in rows:
        fresh = max(0, gone - row.seen - sum(shares))
        shares.append(min(fresh, _left(row)))
    return shares


def _left(row: Any) -> int:
    return int(row.amount - row.used - row.expired)


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
        await _grant(tx, row.id, row.account_id, plan, bounds, gone, now_ms)


async def _grant(
    tx: Tx, subscription_id: str, account_id: str, plan: Any, bounds: tuple[int, int], gone: int, now_ms: int
) -> None:
    start_ms, end_ms = bounds
    is_new = await repository.pay_in(
        tx,
        account_id,
        plan.allowance,
        kind="allowance",
        source="promotion",
        reference=f"allowance:{subscription_id}:{start_ms}",
        note=plan.name,
        now_ms=now_ms,
    )
    if is_new:
        await tx.execute(
            insert(Allowance).values(
                subscription_id=subscription_id,
                start_ms=start_ms,
                account_id=account_id,
                end_ms=end_ms,
                amount=plan.allowance,
                seen=gone,
            )
        )


async def _take_back(tx: Tx, account_id: str, bound: int, now_ms: int, longest_ms: int) -> None:
    """What is left of allowances that are over, as far as it is free and surely was not spent in time.

    What is bound may have been spent before the end and not be posted yet: that much stays until it is, comes
    back, or `longest_ms` have passed.
    """
    unsure = bound
    for row in await _open(tx, [account_id]):
        if row.end_ms > now_ms:
            continue
        left = _left(row)
        kept = min(left, unsure) if now_ms < row.end_ms + longest_ms else 0
        unsure -= kept
        taken = await repository.take_out(
            tx,
            account_id,
            left - kept,
            kind="expiry",
            target="promotion",
            reference=f"expiry:{row.subscription_id}:{row.start_ms}:{row.expired}",
            now_ms=now_ms,
        )
        await _change(tx, row, expired=row.expired + taken, is_open=taken < left)


async def _change(tx: Tx, row: Any, **values: Any) -> None:
    key = (Allowance.subscription_id == row.subscription_id, Allowance.start_ms == row.start_ms)
    await tx.execute(update(Allowance).where(*key).values(values))
