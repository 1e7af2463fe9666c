"""Roll-up: the log's rows are counted by quarter of an hour and what they have in common, each row once.

A row says itself whether it is counted. A position in the log would not do: workers on several machines commit in
another order than their clocks say. The mark and the sums are one transaction, so a crash repeats and forgets nothing.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select, text, true, update

from pronghorn.commerce.calendar import QUARTER_MS
from pronghorn.ledger.pots import dialect_insert
from pronghorn.store import Database, Tx
from pronghorn.store.models import Request, UsageCount

if TYPE_CHECKING:  # the list of jobs imports this module
    from pronghorn.commerce.jobs import Services

BATCH = 2_000
NOT_COUNTED = text("NOT is_counted")
"""As the index says it, so that it is used."""
FINE = ("ok", "client_gone")
"""How requests end in which nothing went wrong here or at a vendor."""

KEY: dict[str, Any] = {
    "start_ms": Request.created_ms - Request.created_ms % QUARTER_MS,
    "mode": Request.mode,
    "account_id": Request.account_id,
    "key_id": Request.key_id,
    "channel_id": func.coalesce(Request.channel_id, ""),
    "model": Request.model,
    "group_name": Request.group_name,
}
"""What rows that are counted together have in common."""


def _used(*names: str) -> ColumnElement[Any]:
    counts = [func.coalesce(cast(Request.usage[name].as_string(), BigInteger), 0) for name in names]
    return func.sum(sum(counts[1:], counts[0]))


COUNTS: dict[str, ColumnElement[Any]] = {
    "requests": func.count(),
    "errors": func.sum(case((Request.end_reason.in_(FINE), 0), else_=1)),
    "input": _used("input"),
    "output": _used("output"),
    "cache_read": _used("cache_read"),
    "cache_write": _used("cache_write_5m", "cache_write_1h"),
    "reasoning": _used("reasoning"),
    "audio_input": _used("audio_input"),
    "audio_output": _used("audio_output"),
    "image_input": _used("image_input"),
    "image_output": _used("image_output"),
    "images": _used("images"),
    "seconds": _used("seconds"),
    "characters": _used("characters"),
    "cost": func.sum(Request.cost),
    "shortfall": func.sum(Request.shortfall),
}
"""How rows of the log are summed up, here and in reports that reach rows which are not counted yet."""


async def job(services: "Services") -> None:
    await run(services.database)


async def run(database: Database) -> int:
    """Count what there is, a batch at a time. Gives the number of rows."""
    total = 0
    while count := await _batch(database):
        total += count
    return total


async def _batch(database: Database) -> int:
    async with database.write() as tx:
        ids = await _claim(tx)
        if ids:
            await _add(tx, ids)
            await tx.execute(update(Request).where(Request.id.in_(ids)).values(is_counted=true()))
    return len(ids)


async def _claim(tx: Tx) -> list[str]:
    """Rows that no other worker has in hand. SQLite has one writer and needs no lock."""
    found = select(Request.id).where(NOT_COUNTED).order_by(Request.created_ms).limit(BATCH)
    return list((await tx.execute(found.with_for_update(skip_locked=True))).scalars())


async def _add(tx: Tx, ids: list[str]) -> None:
    added = dialect_insert(tx)(UsageCount).from_select([*KEY, *COUNTS], _summed(ids))
    sums = {name: UsageCount.__table__.c[name] + added.excluded[name] for name in COUNTS}
    await tx.execute(added.on_conflict_do_update(index_elements=list(KEY), set_=sums))


def _summed(ids: list[str]) -> Select[Any]:
    """In the order of the key: in two orders, two workers would deadlock."""
    columns = [expression.label(name) for name, expression in (KEY | COUNTS).items()]
    key = list(KEY.values())
    return select(*columns).where(Request.id.in_(ids)).group_by(*key).order_by(*key)
