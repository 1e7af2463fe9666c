"""Plans: what an account may spend in each period. Changes hold from a subscription's next period on."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.commerce.periods import Period
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Note, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.store import Tx
from pronghorn.store import models as table


class NewPlan(Struct, forbid_unknown_fields=True):
    name: Name
    allowance_usd: Usd
    """For each period; what is left at its end goes back."""
    period: Period = "month"
    price_usd: Usd = "0"
    """What a period costs who buys it; 0: it cannot be bought."""
    description: Note = ""


class PlanChange(Struct, forbid_unknown_fields=True):
    allowance_usd: Usd | UnsetType = UNSET
    price_usd: Usd | UnsetType = UNSET
    description: Note | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    """False: no new subscriptions; those that there are go on."""


class Plan(Struct):
    name: str
    allowance_usd: Usd
    period: Period
    price_usd: Usd
    description: str
    active: bool
    created_at: Time


def view(row: Any) -> Plan:
    return Plan(
        name=row.name,
        allowance_usd=format_usd(row.allowance),
        period=row.period,
        price_usd=format_usd(row.price),
        description=row.description,
        active=row.is_active,
        created_at=fields.time_text(row.created_ms),
    )


async def create(tx: Tx, act: Act, new: NewPlan) -> Plan:
    name = fields.clean(new.name, "name")
    if "/" in name:
        raise BadRequest("name: a plan's name has no `/`", param="name")
    given = {
        "allowance_usd": new.allowance_usd,
        "period": new.period,
        "price_usd": new.price_usd,
        "description": new.description,
    }
    values = _columns(given)
    if await tx.scalar(select(table.Plan.name).where(table.Plan.name == name)):
        raise Conflict(f"there is a plan {name!r} already; change it with PATCH", param="name")
    await tx.execute(insert(table.Plan).values(name=name, created_ms=act.now_ms, **values))
    await act.record(tx, "plan.create", name, **given)
    return await get(tx, name)


async def get(tx: Tx, name: str) -> Plan:
    row = (await tx.execute(select(table.Plan).where(table.Plan.name == name))).one_or_none()
    if row is None:
        raise NotFound(f"there is no plan {name!r}; GET /manage/v1/plans lists them")
    return view(row)


async def page(tx: Tx, part: Window) -> Page[Plan]:
    return await fetch(tx, select(table.Plan), table.Plan.created_ms, table.Plan.name, part, view)


async def change(tx: Tx, act: Act, name: str, patch: PlanChange) -> Plan:
    await get(tx, name)
    given = fields.given(patch)
    if given:
        await tx.execute(update(table.Plan).where(table.Plan.name == name).values(_columns(given)))
        await act.record(tx, "plan.change", name, **given)
    return await get(tx, name)


async def remove(tx: Tx, act: Act, name: str) -> None:
    """Raises `Conflict` once somebody has subscribed: what was paid in refers to it."""
    await get(tx, name)
    if await tx.scalar(select(table.Subscription.id).where(table.Subscription.plan == name).limit(1)):
        raise Conflict(f"plan {name!r} has or had subscriptions; set `active` to false instead")
    await tx.execute(delete(table.Plan).where(table.Plan.name == name))
    await act.record(tx, "plan.delete", name)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Raises `BadRequest` that names the field."""
    values = dict(given)
    if "allowance_usd" in values:
        values["allowance"] = fields.amount(values.pop("allowance_usd"), "allowance_usd")
        if values["allowance"] <= 0:
            raise BadRequest("allowance_usd must be more than 0", param="allowance_usd")
    if "price_usd" in values:
        values["price"] = fields.amount(values.pop("price_usd"), "price_usd")
        if values["price"] < 0:
            raise BadRequest("price_usd must be 0 or more", param="price_usd")
    if "active" in values:
        values["is_active"] = values.pop("active")
    return values
