"""Mark-up: what list prices are multiplied by, for all vendors or for one; the operator's own prices are not."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest
from pronghorn.ledger.prices import PPM
from pronghorn.manage import fields
from pronghorn.manage.fields import Time
from pronghorn.store import Tx, revision
from pronghorn.store import models as table
from pronghorn.store.models.markup import EVERY_VENDOR


class MarkupChange(Struct, forbid_unknown_fields=True):
    factor: str | UnsetType | None = UNSET
    """For all vendors that have none of their own; null: none."""
    vendors: dict[str, str | None] | UnsetType = UNSET
    """By vendor, instead of `factor`; null takes one away, those that are not named stay."""


class Markup(Struct):
    factor: str
    vendors: dict[str, str]
    updated_at: Time | None
    """Null: never changed."""


async def get(tx: Tx) -> Markup:
    rows = (await tx.execute(select(*table.Markup.__table__.columns).order_by(table.Markup.vendor))).all()
    factors = {row.vendor: fields.factor_text(row.factor_ppm) for row in rows}
    return Markup(
        factor=factors.pop(EVERY_VENDOR, fields.factor_text(PPM)),
        vendors=factors,
        updated_at=fields.time_text(max(row.updated_ms for row in rows)) if rows else None,
    )


async def in_force(tx: Tx) -> Mapping[str, int]:
    """In millionths, by vendor, as `pronghorn.ledger.markup` takes it."""
    rows = await tx.execute(select(table.Markup.vendor, table.Markup.factor_ppm))
    return {row.vendor: row.factor_ppm for row in rows}


async def change(tx: Tx, act: Act, patch: MarkupChange) -> Markup:
    detail = fields.given(patch)
    vendors = dict(detail.get("vendors", {}))
    await _check_vendors(tx, vendors)
    wanted = {vendor: _factor(text, f"vendors.{vendor}") for vendor, text in vendors.items()}
    if "factor" in detail:
        wanted[EVERY_VENDOR] = _factor(detail["factor"], "factor")
    for vendor, factor_ppm in wanted.items():
        await _write(tx, act, vendor, factor_ppm)
    if wanted:
        await act.record(tx, "markup.change", "list prices", **detail)
        await revision.bump(tx)
    return await get(tx)


def _factor(text: str | None, param: str) -> int | None:
    if text is None:
        return None
    factor_ppm = fields.factor(text, param)
    if not factor_ppm:
        raise BadRequest(
            f"{param}: a mark-up of 0 would give every model away; a group's factor may be 0", param=param
        )
    return factor_ppm


async def _check_vendors(tx: Tx, vendors: Mapping[str, object]) -> None:
    """Raises `BadRequest` for the first name that no model has."""
    models = select(table.Model.vendor).where(table.Model.vendor.in_(vendors)).distinct()
    known = set((await tx.execute(models)).scalars())
    for vendor in vendors:
        if vendor not in known:
            raise BadRequest(
                f"vendors: no model is of a vendor {vendor[:40]!r}; GET /manage/v1/models shows whose they are",
                param="vendors",
            )


async def _write(tx: Tx, act: Act, vendor: str, factor_ppm: int | None) -> None:
    row = table.Markup.vendor == vendor
    if factor_ppm is None:
        await tx.execute(delete(table.Markup).where(row))
        return
    values = {"factor_ppm": factor_ppm, "updated_ms": act.now_ms}
    changed = await tx.execute(update(table.Markup).where(row).values(values))
    if not changed.rowcount:
        await tx.execute(insert(table.Markup).values(vendor=vendor, **values))
