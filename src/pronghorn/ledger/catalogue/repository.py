"""The catalogue's SQL: models and list prices in batches. Each takes an open transaction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, insert, select, text, update

from pronghorn.ledger.catalogue.row import CatalogueRow
from pronghorn.store import Tx
from pronghorn.store.models import Meta, Model, Price

FINGERPRINT = "catalogue"
UNTIL = "catalogue_until"
LIST = "list"
_LOCK = 8_400_840_085
_FIELDS = (
    "vendor",
    "display_name",
    "description",
    "capabilities",
    "context_tokens",
    "max_output_tokens",
    "is_retired",
)

Values = dict[str, Any]


class Writes(NamedTuple):
    """Rows to insert and rows to change, the latter by `key`."""

    new: list[Values]
    changed: list[Values]


async def lock(tx: Tx) -> None:
    """Two servers that start together sync one after the other. A write on SQLite is alone anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def read_meta(tx: Tx) -> dict[str, str]:
    rows = await tx.execute(select(Meta.name, Meta.value).where(Meta.name.in_((FINGERPRINT, UNTIL))))
    return {row.name: row.value for row in rows}


async def write_meta(tx: Tx, fingerprint: str, until: str) -> None:
    await tx.execute(delete(Meta).where(Meta.name.in_((FINGERPRINT, UNTIL))))
    values = [{"name": FINGERPRINT, "value": fingerprint}, {"name": UNTIL, "value": until}]
    await tx.execute(insert(Meta), values)


async def write_models(tx: Tx, rows: Sequence[CatalogueRow], now_ms: int) -> int:
    """Bring the models up to date and retire those that are gone. Gives how many rows that took."""
    columns = [getattr(Model, field) for field in _FIELDS]
    stored = {name: rest for name, *rest in await tx.execute(select(Model.name, Model.is_own, *columns))}
    new, changed = Writes([], [])
    for row in rows:
        values = {field: getattr(row, field) for field in _FIELDS} | {"capabilities": list(row.capabilities)}
        is_own, *known = stored.pop(row.name, (None,))
        if is_own is None:
            new.append({"name": row.name, "created_ms": now_ms, "is_own": False, **values})
        elif not is_own and known != list(values.values()):
            changed.append({"key": row.name, **values})
    at = _FIELDS.index("is_retired")
    gone = [{"key": name} for name, (is_own, *known) in stored.items() if not is_own and not known[at]]
    this = Model.name == bindparam("key")
    if new:
        await tx.execute(insert(Model), new)
    if changed:
        await tx.execute(update(Model).where(this).values(_parameters(_FIELDS)), changed)
    if gone:
        await tx.execute(update(Model).where(this).values(is_retired=True), gone)
    return len(new) + len(changed) + len(gone)


async def write_prices(tx: Tx, rows: Sequence[CatalogueRow], now_ms: int) -> int:
    """Bring the list prices up to date. One that is not known any more goes; a model that is gone keeps its own."""
    listed = (
        await tx.execute(select(Price.model, Price.components, Price.note).where(Price.source == LIST))
    ).all()
    stored = {model: (components, note) for model, components, note in listed}
    new, changed = Writes([], [])
    unknown = []
    for row in rows:
        if row.price is None:
            unknown += [{"key": row.name}] if row.name in stored else []
            continue
        values = {"components": msgspec.to_builtins(row.price), "note": row.price_note}
        if row.name not in stored:
            new.append({"model": row.name, "source": LIST, "updated_ms": now_ms, **values})
        elif stored[row.name] != (values["components"], values["note"]):
            changed.append({"key": row.name, "updated_ms": now_ms, **values})
    this = (Price.model == bindparam("key"), Price.source == LIST)
    if new:
        await tx.execute(insert(Price), new)
    if changed:
        fields = _parameters(("components", "note", "updated_ms"))
        await tx.execute(update(Price).where(*this).values(fields), changed)
    if unknown:
        await tx.execute(delete(Price).where(*this), unknown)
    return len(new) + len(changed) + len(unknown)


def _parameters(fields: Sequence[str]) -> Values:
    return {field: bindparam(field) for field in fields}
