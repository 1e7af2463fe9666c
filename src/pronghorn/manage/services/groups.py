"""Groups: a price factor and a name that channels, accounts and keys refer to."""

from typing import Any

from msgspec import UNSET, UnsetType, field
from sqlalchemy import delete, func, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.ledger import pots
from pronghorn.ledger.prices import PPM
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Note, Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.manage.services import limits
from pronghorn.manage.services.limits import Limits, LimitsChange, NewLimits
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

DEFAULT = "default"


class NewGroup(NewLimits, forbid_unknown_fields=True):
    name: Name
    factor: str = "1"
    """Prices are multiplied by it."""
    account_factors: dict[str, str] = field(default_factory=dict)
    """Instead of `factor`, by the group of the account whose key is of this group."""
    description: Note = ""


class GroupChange(LimitsChange, forbid_unknown_fields=True):
    factor: str | UnsetType = UNSET
    account_factors: dict[str, str] | UnsetType = UNSET
    """Replaces those that were there."""
    description: Note | UnsetType = UNSET


class Group(Limits):
    name: str
    factor: str
    account_factors: dict[str, str]
    description: str
    created_at: Time


def view(row: Any) -> Group:
    return Group(
        name=row.name,
        factor=fields.factor_text(row.factor_ppm),
        account_factors={name: fields.factor_text(ppm) for name, ppm in (row.account_factors or {}).items()},
        description=row.description,
        created_at=fields.time_text(row.created_ms),
        **limits.view(row),
    )


async def _account_factors(tx: Tx, given: dict[str, str], own_name: str = "") -> dict[str, int]:
    """In millionths. Raises `BadRequest` for a name that is no group; a group may name itself."""
    await check(tx, [name for name in given if name != own_name], "account_factors")
    return {name: fields.factor(text, f"account_factors.{name}") for name, text in given.items()}


async def create(tx: Tx, act: Act, new: NewGroup) -> Group:
    name = fields.clean(new.name, "name")
    if any(character in name for character in "/,*"):
        raise BadRequest("name: a group's name has no `/`, `,` or `*`", param="name")
    factor_ppm = fields.factor(new.factor, "factor")
    if await tx.scalar(select(table.Group.name).where(table.Group.name == name)):
        raise Conflict(f"there is a group {name!r} already; change it with PATCH", param="name")
    values = {
        "factor_ppm": factor_ppm,
        "account_factors": await _account_factors(tx, new.account_factors, name),
    }
    given = {"description": new.description, **limits.of(new)}
    await tx.execute(insert(table.Group).values(name=name, created_ms=act.now_ms, **values, **given))
    factors = {"factor": new.factor, "account_factors": new.account_factors}
    await act.record(tx, "group.create", name, **factors, **given)
    await revision.bump(tx)
    return await get(tx, name)


async def ensure_default(tx: Tx, act: Act) -> None:
    if not await tx.scalar(select(table.Group.name).where(table.Group.name == DEFAULT)):
        values = {"name": DEFAULT, "description": "", "factor_ppm": PPM, "created_ms": act.now_ms}
        await tx.execute(insert(table.Group).values(values))


async def get(tx: Tx, name: str) -> Group:
    row = (await tx.execute(select(table.Group).where(table.Group.name == name))).one_or_none()
    if row is None:
        raise NotFound(f"there is no group {name!r}; GET /manage/v1/groups lists them")
    return view(row)


async def page(tx: Tx, part: Window) -> Page[Group]:
    return await fetch(tx, select(table.Group), table.Group.created_ms, table.Group.name, part, view)


async def change(tx: Tx, act: Act, name: str, patch: GroupChange) -> Group:
    await get(tx, name)
    detail = fields.given(patch)
    values = dict(detail)
    if "factor" in values:
        values["factor_ppm"] = fields.factor(values.pop("factor"), "factor")
    if "account_factors" in values:
        values["account_factors"] = await _account_factors(tx, values["account_factors"])
    if values:
        await tx.execute(update(table.Group).where(table.Group.name == name).values(values))
        await act.record(tx, "group.change", name, **detail)
        await revision.bump(tx)
    return await get(tx, name)


async def remove(tx: Tx, act: Act, name: str) -> None:
    """Raises `Conflict` while something refers to it."""
    await get(tx, name)
    if name == DEFAULT:
        raise Conflict("the group `default` stays: new accounts and channels begin in it")
    users = [f"{count} {what}" for what, count in (await _users_of(tx, name)).items() if count]
    if users:
        raise Conflict(f"group {name!r} is used by {', '.join(users)}; move them to another group first")
    await tx.execute(delete(table.Group).where(table.Group.name == name))
    gone = await pots.remove_budgets(tx, "group", name)
    await act.record(tx, "group.delete", name, **({"budgets": ", ".join(gone)} if gone else {}))
    await revision.bump(tx)


async def _users_of(tx: Tx, name: str) -> dict[str, int]:
    accounts = select(func.count()).select_from(table.Account).where(table.Account.group_name == name)
    keys = select(func.count()).select_from(table.Key).where(table.Key.group_name == name)
    channels = (await tx.execute(select(table.Channel.groups))).scalars()
    others = select(table.Group.account_factors).where(table.Group.name != name)
    return {
        "accounts": await tx.scalar(accounts) or 0,
        "keys": await tx.scalar(keys) or 0,
        "channels": sum(name in groups for groups in channels),
        "account factors": sum(name in (named or {}) for named in (await tx.execute(others)).scalars()),
    }


async def check(tx: Tx, names: list[str], param: str) -> None:
    """Raises `BadRequest` for the first name that is no group."""
    known = set((await tx.execute(select(table.Group.name).where(table.Group.name.in_(names)))).scalars())
    for name in names:
        if name not in known:
            raise BadRequest(
                f"{param}: there is no group {name!r}; GET /manage/v1/groups lists them", param=param
            )
