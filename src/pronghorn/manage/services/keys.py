"""Keys: what clients show to call models. The key itself is given once, at its creation; only its hash is kept."""

from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import select

from pronghorn.accounts import account
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import issuing
from pronghorn.errors import NotFound
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Name, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.manage.services import groups, limits
from pronghorn.manage.services.limits import Limits, LimitsChange, NewLimits
from pronghorn.store import Tx
from pronghorn.store import models as table


class NewKey(NewLimits, forbid_unknown_fields=True):
    account_id: str
    name: Name
    mode: Mode
    models: list[str] | None = None
    """Null: every model of its group. Entries may end in `*`."""
    ips: list[str] | None = None
    """Addresses and networks; null: from anywhere."""
    budget_usd: Usd | None = None
    group: Name | None = None
    """Null: the account's group."""
    strict: bool = False
    expires_at: Time | None = None


class KeyChange(LimitsChange, forbid_unknown_fields=True):
    """Null clears a limit."""

    name: Name | UnsetType = UNSET
    models: list[str] | UnsetType | None = UNSET
    ips: list[str] | UnsetType | None = UNSET
    budget_usd: Usd | UnsetType | None = UNSET
    group: Name | UnsetType | None = UNSET
    strict: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    expires_at: Time | UnsetType | None = UNSET


class Key(Limits):
    id: str
    account_id: str
    name: str
    mode: Mode
    hint: str
    models: list[str] | None
    ips: list[str] | None
    group: str | None
    budget_usd: Usd | None
    spent_usd: Usd
    strict: bool
    disabled: bool
    expires_at: Time | None
    created_at: Time


class CreatedKey(Key, kw_only=True):
    key: str
    """Shown this once."""


def view(row: Any) -> Key:
    return Key(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        mode=row.mode,
        hint=row.hint,
        models=row.models,
        ips=row.ips,
        group=row.group_name,
        budget_usd=None if row.budget is None else format_usd(row.budget),
        spent_usd=format_usd(row.spent),
        strict=row.is_strict,
        disabled=row.is_disabled,
        expires_at=fields.maybe_time(row.expires_ms),
        created_at=fields.time_text(row.created_ms),
        **limits.view(row),
    )


async def create(tx: Tx, act: Act, secrets: Secrets, new: NewKey) -> CreatedKey:
    await account.check(tx, new.account_id)
    detail = {name: getattr(new, name) for name in KeyChange.__struct_fields__ if name != "disabled"}
    values = await _columns(tx, act, detail)
    key_id, secret = await issuing.issue(tx, act, secrets, new.account_id, new.mode, values, detail)
    stored = await get(tx, key_id)
    return CreatedKey(key=secret, **{name: getattr(stored, name) for name in Key.__struct_fields__})


async def get(tx: Tx, key_id: str) -> Key:
    row = (await tx.execute(select(table.Key).where(table.Key.id == key_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}; GET /manage/v1/keys lists them")
    return view(row)


async def page(tx: Tx, part: Window, account_id: str | None = None) -> Page[Key]:
    statement = matching(select(table.Key), (table.Key.account_id, account_id))
    return await fetch(tx, statement, table.Key.created_ms, table.Key.id, part, view)


async def change(tx: Tx, act: Act, key_id: str, patch: KeyChange) -> Key:
    await get(tx, key_id)
    detail = fields.given(patch)
    await issuing.change(tx, act, key_id, await _columns(tx, act, detail), detail)
    return await get(tx, key_id)


async def revoke(tx: Tx, act: Act, key_id: str) -> None:
    await issuing.revoke(tx, act, await get(tx, key_id))


async def _columns(tx: Tx, act: Act, given: dict[str, Any]) -> dict[str, Any]:
    """The columns for the fields that are given, checked."""
    values = limits.among(given)
    if "name" in given:
        values["name"] = fields.clean(given["name"], "name")
    if "models" in given:
        values["models"] = fields.model_patterns(given["models"])
    if "ips" in given:
        values["ips"] = fields.networks(given["ips"])
    if "budget_usd" in given:
        values["budget"] = fields.positive_amount(given["budget_usd"], "budget_usd")
    if "group" in given:
        if given["group"] is not None:
            await groups.check(tx, [given["group"]], "group")
        values["group_name"] = given["group"]
    if "strict" in given:
        values["is_strict"] = given["strict"]
    if "disabled" in given:
        values["is_disabled"] = given["disabled"]
    if "expires_at" in given:
        values["expires_ms"] = fields.future_ms(given["expires_at"], "expires_at", act.now_ms)
    return values
