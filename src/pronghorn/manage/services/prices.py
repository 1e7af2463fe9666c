"""Prices: what a model costs. The operator's price replaces the catalogue's; without it the catalogue's holds."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import delete, func, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, NotFound
from pronghorn.ledger import markup
from pronghorn.ledger.prices import MAX_KIND_CHARACTERS, PriceDocument, Tier, TokenPrices
from pronghorn.manage import fields
from pronghorn.manage.fields import Note, Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.manage.services import markups
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

LIST, OPERATOR = "list", "operator"


class NewPrice(TokenPrices, kw_only=True, forbid_unknown_fields=True):
    """US dollars as decimal strings. A part that is not given is priced as its whole."""

    per_call_usd: dict[str, str] | str | None = None
    """One price, or prices by kind such as `imagine/fast`, with `default` for the rest."""
    per_second_usd: dict[str, str] | str | None = None
    """One price, or prices by kind such as `1080p`, with `default` for the rest."""
    per_image_usd: dict[str, str] | str | None = None
    """One price, or prices by `<quality>/<size>`, with `default` for the rest."""
    tiers: list[Tier] = field(default_factory=list)
    cache_write_usd_per_million: str | None = None
    """Sets both kinds of cache writes."""
    note: Note = ""


class ModelPrice(Struct):
    model: str
    effective: PriceDocument
    """The operator's price; without one the list price times the mark-up."""
    source: str
    """Where the effective price comes from: `operator` or `list`."""
    list: PriceDocument | None
    markup: str
    """What this vendor's list prices are multiplied by; the operator's price is not."""
    operator: PriceDocument | None
    note: str
    updated_at: Time


def document_of(new: NewPrice) -> PriceDocument:
    """Raises `BadRequest` that names the field."""
    given = {name: getattr(new, name) for name in PriceDocument.__struct_fields__}
    given = {name: value for name, value in given.items() if value not in (None, [])}
    if new.cache_write_usd_per_million is not None:
        _check("cache_write_usd_per_million", cache_write_5m_usd_per_million=new.cache_write_usd_per_million)
        for name in ("cache_write_5m_usd_per_million", "cache_write_1h_usd_per_million"):
            given.setdefault(name, new.cache_write_usd_per_million)
    if not given:
        raise BadRequest("give at least one price, such as input_usd_per_million; a price of 0 makes it free")
    above = [tier.above_input_tokens for tier in new.tiers]
    if any(tokens < 1 for tokens in above) or len(set(above)) < len(above):
        raise BadRequest("tiers: each above_input_tokens must be positive and different", param="tiers")
    for name, value in given.items():
        if isinstance(value, dict):
            _check_kinds(name, value)
        _check(name, **{name: value})
    return PriceDocument(**given)


def _check(param: str, **part: Any) -> None:
    try:
        PriceDocument(**part)
    except ValueError as error:
        reason = str(error)
        for name in part:
            reason = reason.removeprefix(f"{name}: ")
        # Of prices in a table, the place in it is named already.
        message = reason if reason.startswith(f"{param}.") else f"{param}: {reason}"
        raise BadRequest(message, param=param) from error


def _check_kinds(param: str, listed: dict[str, str]) -> None:
    if not listed:
        raise BadRequest(f'{param} must name at least one price, such as {{"default": "0.04"}}', param=param)
    for kind in listed:
        if not kind.isprintable() or kind != kind.strip(" /") or not 0 < len(kind) <= MAX_KIND_CHARACTERS:
            raise BadRequest(
                f"{param}: a kind has 1 to {MAX_KIND_CHARACTERS} printable characters, such as `hd/1024x1024`",
                param=param,
            )


async def put(tx: Tx, act: Act, model: str, new: NewPrice) -> ModelPrice:
    model = fields.model_name(model)
    components = msgspec.to_builtins(document_of(new))
    values = {"components": components, "note": new.note, "updated_ms": act.now_ms}
    row = (table.Price.model == model, table.Price.source == OPERATOR)
    changed = await tx.execute(update(table.Price).where(*row).values(values))
    if not changed.rowcount:
        await tx.execute(insert(table.Price).values(model=model, source=OPERATOR, **values))
    await act.record(tx, "price.set", model, price=components, note=new.note)
    await revision.bump(tx)
    return await get(tx, model)


async def remove(tx: Tx, act: Act, model: str) -> None:
    """Back to the catalogue's price."""
    row = (table.Price.model == model, table.Price.source == OPERATOR)
    gone = await tx.execute(delete(table.Price).where(*row))
    if not gone.rowcount:
        raise NotFound(f"the operator has set no price for {model!r}")
    await act.record(tx, "price.delete", model)
    await revision.bump(tx)


async def get(tx: Tx, model: str) -> ModelPrice:
    found = await of(tx, [model])
    if model not in found:
        raise NotFound(f"{model!r} has no price; set one with PUT /manage/v1/prices/{model}")
    return found[model]


async def of(tx: Tx, models: list[str]) -> dict[str, ModelPrice]:
    rows = await tx.execute(
        select(*table.Price.__table__.columns, table.Model.vendor)
        .outerjoin(table.Model, table.Model.name == table.Price.model)
        .where(table.Price.model.in_(models))
    )
    by_model: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.source] = row
    by_vendor = await markups.in_force(tx)
    return {model: _merge(model, sources, by_vendor) for model, sources in by_model.items()}


def _merge(model: str, sources: dict[str, Any], by_vendor: Mapping[str, int]) -> ModelPrice:
    documents = {source: msgspec.convert(row.components, PriceDocument) for source, row in sources.items()}
    source = OPERATOR if OPERATOR in sources else LIST
    markup_ppm = markup.of(by_vendor, sources[source].vendor or "")
    held = documents[source]
    return ModelPrice(
        model=model,
        effective=held if source == OPERATOR else markup.marked_up(held, markup_ppm),
        source=source,
        list=documents.get(LIST),
        markup=fields.factor_text(markup_ppm),
        operator=documents.get(OPERATOR),
        note=sources[source].note,
        updated_at=fields.time_text(sources[source].updated_ms),
    )


async def page(tx: Tx, part: Window) -> Page[ModelPrice]:
    newest = (
        select(table.Price.model, func.max(table.Price.updated_ms).label("updated_ms"))
        .group_by(table.Price.model)
        .subquery()
    )
    named = await fetch(tx, select(newest), newest.c.updated_ms, newest.c.model, part, lambda row: row.model)
    found = await of(tx, named.items)
    return Page([found[model] for model in named.items], named.next)
