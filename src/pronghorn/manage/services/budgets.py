"""Budgets: what a key, an account or a group may spend in each hour, day, week or month, or in all."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.commerce import calendar
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.kit.clock import iso
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import format_usd
from pronghorn.ledger import budgets
from pronghorn.ledger.budgets import Period, Scope
from pronghorn.ledger.credit import Credit
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Name, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

ZoneName = Annotated[
    str, Meta(max_length=60, description="A name of the IANA database.", examples=["Asia/Shanghai"])
]


class NewBudget(Struct, forbid_unknown_fields=True):
    scope: Scope
    subject: Name
    """The key's or account's id, the group's name."""
    amount_usd: Usd
    """For each period."""
    period: Period
    """`total`: one that never ends."""
    time_zone: ZoneName = "UTC"
    """On its clocks periods begin: at midnight, on Monday, on the first of the month."""
    mode: Mode = "live"


class BudgetChange(Struct, forbid_unknown_fields=True):
    amount_usd: Usd | UnsetType = UNSET
    """Holds for the period that is on, too."""


class Budget(Struct):
    id: str
    scope: Scope
    subject: str
    period: Period
    time_zone: str
    mode: Mode
    amount_usd: Usd
    spent_usd: Usd
    """In the period that is on; the same for the two after it."""
    held_usd: Usd
    """Set aside for requests that are running."""
    left_usd: Usd
    starts_at: Time | None
    """Of the period that is on; null for `total`."""
    resets_at: Time | None
    """When the next one begins; null for `total`."""
    created_at: Time


async def view(credit: Credit, row: Any, now_s: float) -> Budget:
    """With what was spent until `now_s`; needs no transaction to be open."""
    budget = budgets.Budget(
        credit,
        id=row.id,
        scope=row.scope,
        subject=row.subject,
        mode=row.mode,
        amount=row.amount,
        period=row.period,
        time_zone=row.time_zone,
    )
    window = budget.window(now_s)
    standing = await credit.standing_of(window)
    resets_s = budget.resets_s(now_s)
    return Budget(
        id=row.id,
        scope=row.scope,
        subject=row.subject,
        period=row.period,
        time_zone=row.time_zone,
        mode=row.mode,
        amount_usd=format_usd(row.amount),
        spent_usd=format_usd(standing.spent),
        held_usd=format_usd(standing.held),
        left_usd=format_usd(max(standing.balance, 0)),
        starts_at=None if resets_s is None else fields.time_text(window.start_ms),
        resets_at=None if resets_s is None else iso(resets_s),
        created_at=fields.time_text(row.created_ms),
    )


async def create(tx: Tx, act: Act, new: NewBudget) -> str:
    """Gives the new budget's id."""
    amount = _amount(new.amount_usd)
    calendar.zone(new.time_zone)
    await _check_subject(tx, new)
    what = {"scope": new.scope, "mode": new.mode, "period": new.period}
    same = await tx.scalar(select(table.Budget.id).filter_by(subject=new.subject, **what))
    if same is not None:
        raise Conflict(
            f"this {new.scope} has a {new.mode} budget for the period {new.period!r} already; "
            f"change it with PATCH /manage/v1/budgets/{same}",
            param="period",
        )
    budget_id = new_id("bud")
    await tx.execute(
        insert(table.Budget).values(
            id=budget_id,
            subject=new.subject,
            time_zone=new.time_zone,
            amount=amount,
            created_ms=act.now_ms,
            **what,
        )
    )
    given = {"of": new.subject, "amount_usd": format_usd(amount), "time_zone": new.time_zone}
    await act.record(tx, "budget.create", budget_id, **what, **given)
    await revision.bump(tx)
    return budget_id


async def get(tx: Tx, budget_id: str) -> Any:
    """The stored row; `view` makes it an answer."""
    row = (await tx.execute(select(table.Budget).where(table.Budget.id == budget_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no budget {budget_id!r}; GET /manage/v1/budgets lists them")
    return row


async def page(tx: Tx, part: Window, scope: Scope | None, subject: str | None) -> Page[Any]:
    wanted = (table.Budget.scope, scope), (table.Budget.subject, subject)
    statement = matching(select(table.Budget), *wanted)
    return await fetch(tx, statement, table.Budget.created_ms, table.Budget.id, part, lambda row: row)


async def change(tx: Tx, act: Act, budget_id: str, patch: BudgetChange) -> None:
    await get(tx, budget_id)
    if patch.amount_usd is UNSET:
        return
    amount = _amount(patch.amount_usd)
    await tx.execute(update(table.Budget).where(table.Budget.id == budget_id).values(amount=amount))
    await act.record(tx, "budget.change", budget_id, amount_usd=format_usd(amount))
    await revision.bump(tx)


async def remove(tx: Tx, act: Act, budget_id: str) -> None:
    """Its windows stay, since servers have leases of them to give back and requests may be open."""
    row = await get(tx, budget_id)
    await tx.execute(delete(table.Budget).where(table.Budget.id == budget_id))
    await act.record(tx, "budget.delete", budget_id, scope=row.scope, of=row.subject)
    await revision.bump(tx)


def _amount(text: str) -> int:
    nano = fields.amount(text, "amount_usd")
    if nano <= 0:
        raise BadRequest(
            "amount_usd must be more than 0; delete the budget for no limit, disable the key to stop it",
            param="amount_usd",
        )
    return nano


async def _check_subject(tx: Tx, new: NewBudget) -> None:
    """A budget that nothing could ever count against would be a silent mistake."""
    if new.scope == "key":
        mode = await tx.scalar(select(table.Key.mode).where(table.Key.id == new.subject))
        is_there = mode is not None
        if is_there and mode != new.mode:
            raise BadRequest(f"mode must be {mode!r}: {new.subject} is a {mode} key", param="mode")
    elif new.scope == "account":
        is_there = bool(await tx.scalar(select(table.Account.id).where(table.Account.id == new.subject)))
    else:
        is_there = bool(await tx.scalar(select(table.Group.name).where(table.Group.name == new.subject)))
    if not is_there:
        raise BadRequest(
            f"subject: there is no {new.scope} {new.subject!r}; GET /manage/v1/{new.scope}s lists them",
            param="subject",
        )
