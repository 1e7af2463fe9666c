"""Channels: a vendor's account that serves models. Credentials come in, are sealed, and never go out again."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from sqlalchemy import delete, insert, select, update

from pronghorn import vendors
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import SecretError, Secrets
from pronghorn.errors import BadRequest, NotFound
from pronghorn.kit.ids import new_id
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.manage.services import groups, limits, models
from pronghorn.manage.services.channel_health import ChannelHealth
from pronghorn.manage.services.groups import DEFAULT
from pronghorn.manage.services.limits import Limits, LimitsChange, NewLimits
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

Priority = Annotated[int, Meta(ge=-1_000_000, le=1_000_000, description="Higher first.")]
Weight = Annotated[int, Meta(ge=1, le=1_000_000)]
ModelMap = list[str] | dict[str, str]
Credential = Annotated[str, Meta(min_length=1, max_length=10_000)]
MAX_MODELS = 2_000
_HINT_FROM = 16
"""Shorter credentials show nothing of themselves."""


class NewChannel(NewLimits, forbid_unknown_fields=True):
    name: Name
    vendor: Name
    models: ModelMap
    """Names, or public names with the vendor's names."""
    base_url: str | None = None
    """Null: the vendor's own address."""
    credentials: list[Credential] = field(default_factory=list)
    groups: list[Name] = field(default_factory=lambda: [DEFAULT])
    priority: Priority = 0
    weight: Weight = 1
    cost: str = "1"
    """What the operator pays there, as a factor of the list price."""
    proxy: str | None = None
    """`http://user:password@host:port`"""


class ChannelChange(LimitsChange, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    models: ModelMap | UnsetType = UNSET
    base_url: str | UnsetType | None = UNSET
    credentials: list[Credential] | UnsetType = UNSET
    groups: list[Name] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    weight: Weight | UnsetType = UNSET
    cost: str | UnsetType = UNSET
    proxy: str | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class Channel(Limits):
    id: str
    name: str
    vendor: str
    base_url: str
    credential_count: int | None
    """Null: sealed with a secret that this installation no longer has."""
    credential_hints: list[str]
    models: dict[str, str]
    groups: list[str]
    priority: int
    weight: int
    cost: str
    """What the operator pays there, as a factor of the list price."""
    proxy: str | None
    """Without its user and password."""
    disabled: bool
    created_at: Time
    health: ChannelHealth | None = None
    """Of the server that answers; null if it does not use the channel."""


def view(row: Any, secrets: Secrets) -> Channel:
    try:
        opened: list[str] | None = msgspec.json.decode(secrets.open(row.credentials), type=list[str])
        proxy = None if row.proxy is None else fields.without_userinfo(secrets.open(row.proxy))
    except SecretError:
        opened, proxy = None, None if row.proxy is None else "***"
    return Channel(
        id=row.id,
        name=row.name,
        vendor=row.vendor,
        base_url=row.base_url,
        credential_count=None if opened is None else len(opened),
        credential_hints=[_hint(credential) for credential in opened or []],
        models=row.models,
        groups=row.groups,
        priority=row.priority,
        weight=row.weight,
        cost=fields.factor_text(row.cost_ppm),
        proxy=proxy,
        disabled=row.is_disabled,
        created_at=fields.time_text(row.created_ms),
        **limits.view(row),
    )


def _hint(credential: str) -> str:
    return f"{credential[:3]}…{credential[-4:]}" if len(credential) >= _HINT_FROM else "…"


async def create(tx: Tx, act: Act, secrets: Secrets, new: NewChannel) -> Channel:
    channel_id = new_id("chn")
    given = {name: getattr(new, name) for name in new.__struct_fields__ if name != "vendor"}
    values = await _columns(tx, act, secrets, _vendor(new.vendor), given)
    await tx.execute(
        insert(table.Channel).values(
            id=channel_id, vendor=new.vendor, is_disabled=False, created_ms=act.now_ms, **values
        )
    )
    await act.record(tx, "channel.create", channel_id, vendor=new.vendor, **_detail(given))
    await revision.bump(tx)
    return await get(tx, secrets, channel_id)


async def get(tx: Tx, secrets: Secrets, channel_id: str) -> Channel:
    row = (await tx.execute(select(table.Channel).where(table.Channel.id == channel_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no channel {channel_id!r}; GET /manage/v1/channels lists them")
    return view(row, secrets)


async def page(tx: Tx, secrets: Secrets, part: Window) -> Page[Channel]:
    return await fetch(
        tx,
        select(table.Channel),
        table.Channel.created_ms,
        table.Channel.id,
        part,
        lambda row: view(row, secrets),
    )


async def change(tx: Tx, act: Act, secrets: Secrets, channel_id: str, patch: ChannelChange) -> Channel:
    channel = await get(tx, secrets, channel_id)
    given = fields.given(patch)
    values = await _columns(tx, act, secrets, _vendor(channel.vendor), given)
    if values:
        await tx.execute(update(table.Channel).where(table.Channel.id == channel_id).values(values))
        await act.record(tx, "channel.change", channel_id, **_detail(given))
        await revision.bump(tx)
    return await get(tx, secrets, channel_id)


async def remove(tx: Tx, act: Act, secrets: Secrets, channel_id: str) -> None:
    channel = await get(tx, secrets, channel_id)
    await tx.execute(delete(table.Channel).where(table.Channel.id == channel_id))
    await act.record(tx, "channel.delete", channel_id, name=channel.name, vendor=channel.vendor)
    await revision.bump(tx)


def _vendor(name: str) -> vendors.ChatVendor:
    found = vendors.load()
    if name not in found:
        raise BadRequest(
            f"vendor: {name!r} is not one of {', '.join(sorted(found))}; "
            "a server that speaks OpenAI's dialect is `openai` with its own base_url",
            param="vendor",
        )
    return found[name]


async def _columns(
    tx: Tx, act: Act, secrets: Secrets, vendor: vendors.ChatVendor, given: dict[str, Any]
) -> dict[str, Any]:
    """The columns for the fields that are given, checked and sealed."""
    values: dict[str, Any] = {name: given[name] for name in ("priority", "weight") if name in given}
    values |= limits.among(given)
    if "cost" in given:
        values["cost_ppm"] = fields.factor(given["cost"], "cost")
    if "name" in given:
        values["name"] = fields.clean(given["name"], "name")
    if "base_url" in given:
        values["base_url"] = _base_url(given["base_url"], vendor)
    if "credentials" in given:
        values["credentials"] = secrets.seal(msgspec.json.encode(_credentials(given["credentials"])).decode())
    if "models" in given:
        values["models"] = _model_map(given["models"])
        await models.ensure(tx, act, values["models"], vendor.name)
    if "groups" in given:
        if not given["groups"]:
            raise BadRequest("groups must name at least one group, such as default", param="groups")
        await groups.check(tx, given["groups"], "groups")
        values["groups"] = list(dict.fromkeys(given["groups"]))
    if "proxy" in given:
        proxy = fields.proxy_url(given["proxy"])
        values["proxy"] = None if proxy is None else secrets.seal(proxy)
    if "disabled" in given:
        values["is_disabled"] = given["disabled"]
    return values


def _base_url(given: str | None, vendor: vendors.ChatVendor) -> str:
    url = given or vendor.base_url
    if not url:
        raise BadRequest(
            f"base_url is needed: vendor {vendor.name!r} has no address of its own", param="base_url"
        )
    return fields.http_url(url, "base_url")


def _credentials(texts: list[str]) -> list[str]:
    """What is wrong with a credential is said without a word of it."""
    stripped = [text.strip() for text in texts]
    for number, text in enumerate(stripped):
        if not text or not text.isascii() or not text.isprintable():
            raise BadRequest(
                f"credentials[{number}] must be one line of printable ASCII text and not empty",
                param="credentials",
            )
    return list(dict.fromkeys(stripped))


def _model_map(given: ModelMap) -> dict[str, str]:
    pairs = given if isinstance(given, dict) else {name: name for name in given}
    if not pairs:
        raise BadRequest("models must name at least one model", param="models")
    if len(pairs) > MAX_MODELS:
        raise BadRequest(f"models: a channel serves at most {MAX_MODELS} models", param="models")
    return {fields.model_name(k, "models"): fields.model_name(v, "models") for k, v in pairs.items()}


def _detail(given: dict[str, Any]) -> dict[str, Any]:
    """For the audit: what was given, and of secrets only that they were."""
    detail = {name: value for name, value in given.items() if name not in ("credentials", "proxy")}
    if "credentials" in given:
        detail["credential_count"] = len(given["credentials"])
    if given.get("proxy") is not None:
        detail["proxy"] = fields.without_userinfo(given["proxy"])
    elif "proxy" in given:
        detail["proxy"] = None
    return detail
