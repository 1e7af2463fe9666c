"""Models: the catalogue. The operator's own rows, and rows that the operator changed, outlive a new catalogue."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import NotFound
from pronghorn.ledger.prices import PriceDocument
from pronghorn.manage import fields
from pronghorn.manage.fields import DisplayName, Limit, Note, Time
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.manage.services import prices
from pronghorn.manage.services.prices import ModelPrice
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

Capability = Literal[
    "chat",
    "chat_images",
    "completions",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "moderations",
    "rerank",
    "realtime",
]
VendorName = Annotated[str, Meta(min_length=1, max_length=40)]
CAPABILITIES: tuple[Capability, ...] = tuple(word for word in get_args(Capability) if word != "chat_images")
"""What a model of the operator's own is taken to have: all but the one that says when an answer is worth nothing."""


class OwnModel(Struct, forbid_unknown_fields=True):
    vendor: VendorName
    display_name: DisplayName = ""
    description: Note = ""
    capabilities: list[Capability] | None = None
    """Null: all of them."""
    context_tokens: Limit | None = None
    max_output_tokens: Limit | None = None


class ModelChange(Struct, forbid_unknown_fields=True):
    display_name: DisplayName | UnsetType = UNSET
    description: Note | UnsetType = UNSET
    capabilities: list[Capability] | UnsetType = UNSET
    context_tokens: Limit | UnsetType | None = UNSET
    max_output_tokens: Limit | UnsetType | None = UNSET
    retired: bool | UnsetType = UNSET


class Model(Struct):
    name: str
    vendor: str
    display_name: str
    description: str
    capabilities: list[str]
    context_tokens: int | None
    max_output_tokens: int | None
    retired: bool
    own: bool
    created_at: Time
    price: PriceDocument | None
    """The effective one; null if there is none."""


def view(row: Any, price: ModelPrice | None) -> Model:
    return Model(
        name=row.name,
        vendor=row.vendor,
        display_name=row.display_name,
        description=row.description,
        capabilities=row.capabilities,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
        retired=row.is_retired,
        own=row.is_own,
        created_at=fields.time_text(row.created_ms),
        price=None if price is None else price.effective,
    )


async def get(tx: Tx, name: str) -> Model:
    row = await _find(tx, name)
    if row is None:
        raise NotFound(f"there is no model {name!r}; GET /manage/v1/models lists them")
    return view(row, (await prices.of(tx, [name])).get(name))


async def _find(tx: Tx, name: str) -> Any:
    return (await tx.execute(select(table.Model).where(table.Model.name == name))).one_or_none()


async def page(tx: Tx, part: Window, vendor: str | None = None, retired: bool | None = None) -> Page[Model]:
    wanted = (table.Model.vendor, vendor), (table.Model.is_retired, retired)
    statement = matching(select(table.Model), *wanted)
    rows = await fetch(tx, statement, table.Model.created_ms, table.Model.name, part, lambda row: row)
    by_name = await prices.of(tx, [row.name for row in rows.items])
    return Page([view(row, by_name.get(row.name)) for row in rows.items], rows.next)


async def put(tx: Tx, act: Act, name: str, own: OwnModel) -> Model:
    """Make the model, or replace what is said about it."""
    name = fields.model_name(name, "name")
    values: dict[str, Any] = {
        "vendor": fields.clean(own.vendor, "vendor"),
        "display_name": own.display_name,
        "description": own.description,
        "capabilities": list(CAPABILITIES if own.capabilities is None else dict.fromkeys(own.capabilities)),
        "context_tokens": own.context_tokens,
        "max_output_tokens": own.max_output_tokens,
        "is_own": True,
    }
    if await _find(tx, name) is None:
        await tx.execute(
            insert(table.Model).values(name=name, is_retired=False, created_ms=act.now_ms, **values)
        )
    else:
        await tx.execute(update(table.Model).where(table.Model.name == name).values(values))
    await act.record(tx, "model.put", name, **{key: values[key] for key in own.__struct_fields__})
    await revision.bump(tx)
    return await get(tx, name)


async def change(tx: Tx, act: Act, name: str, patch: ModelChange) -> Model:
    await get(tx, name)
    detail = fields.given(patch)
    values = {("is_retired" if key == "retired" else key): value for key, value in detail.items()}
    if values:
        await tx.execute(update(table.Model).where(table.Model.name == name).values(is_own=True, **values))
        await act.record(tx, "model.change", name, **detail)
        await revision.bump(tx)
    return await get(tx, name)


async def ensure(tx: Tx, act: Act, names: Iterable[str], vendor: str) -> None:
    """Make rows for names that the catalogue does not have, so that they can be called."""
    wanted = list(dict.fromkeys(names))
    known = set((await tx.execute(select(table.Model.name).where(table.Model.name.in_(wanted)))).scalars())
    rows = [
        {
            "name": name,
            "vendor": vendor,
            "display_name": "",
            "description": "",
            "capabilities": list(CAPABILITIES),
            "is_retired": False,
            "is_own": True,
            "created_ms": act.now_ms,
        }
        for name in wanted
        if name not in known
    ]
    if rows:
        await tx.execute(insert(table.Model), rows)
