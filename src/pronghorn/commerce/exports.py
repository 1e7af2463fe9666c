"""Exports: the usage log, the ledger's entries and usage by the hour, in pieces, so that memory does not grow.

Each piece is read in a transaction of its own: a slow download holds nothing of the database. What is posted
meanwhile may be in it or not; what was there at the beginning is, once.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from pronghorn.commerce import timespan
from pronghorn.commerce.calendar import HOUR_MS
from pronghorn.commerce.export_columns import ENTRIES, REQUESTS, USAGE, Column, with_usage
from pronghorn.commerce.export_csv import CsvFile
from pronghorn.commerce.rollup import COUNTS
from pronghorn.commerce.timespan import Timespan
from pronghorn.commerce.usage import Filter, all_counts
from pronghorn.errors import BadRequest
from pronghorn.kit.clock import iso
from pronghorn.kit.later import Later
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import Entry, Request

Kind = Literal["requests", "entries", "usage"]
Format = Literal["csv", "parquet"]
Reader = Callable[[], AbstractAsyncContextManager[Tx]]
"""Opens a transaction for one piece."""
Done = Callable[[int], None]
"""Is told of each piece how many rows there were in it, or of usage how many hours."""
Page = tuple[Sequence[Any], int]


class Position(NamedTuple):
    """The last row that was seen."""

    created_ms: int
    id: Any


ROWS_AT_ONCE = 1_000
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
_COLUMNS: dict[Kind, list[Column]] = {"requests": REQUESTS, "entries": ENTRIES, "usage": USAGE}
# JSON as text: it is written as it was read.
_LOGGED = [
    cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column
    for column in Request.__table__.c
]
_IN_COMMON = ["mode", "account_id", "key_id", "channel_id", "model", "group_name"]
# The library takes tens of megabytes, and most installations never make such a file.
export_parquet: Any = Later("pronghorn.commerce.export_parquet")


class Export(NamedTuple):
    kind: Kind
    timespan: Timespan
    format: Format = "csv"
    account_id: str | None = None
    mode: Literal["live", "test"] = "live"
    for_excel: bool = False

    @property
    def file_name(self) -> str:
        first, last = (iso(at_ms / 1000)[:10] for at_ms in (self.timespan.start_ms, self.timespan.end_ms - 1))
        return f"{self.kind}-{first}-{last}.{self.format}"


def asked(
    kind: Kind,
    format: Format,
    from_: str | None,
    to: str | None,
    account_id: str | None,
    mode: Literal["live", "test"],
    for_excel: bool,
    now_ms: int,
) -> Export:
    """Raises `BadRequest`."""
    if for_excel and format != "csv":
        raise BadRequest("excel goes with format=csv alone", param="excel")
    within = timespan.asked_for_export(from_, to, now_ms, by_quarter=kind == "usage")
    return Export(kind, within, format, account_id, mode, for_excel)


async def pieces(
    read: Reader, export: Export, done: Done = lambda count: None
) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece."""
    columns = _COLUMNS[export.kind]
    if export.format == "csv":
        file: Any = CsvFile(columns, for_excel=export.for_excel)
    else:
        file = export_parquet.ParquetFile(columns)
    pages = _usage(read, export) if export.kind == "usage" else _rows(read, export)
    async for rows, count in pages:
        # In a thread: a server has other things to do than to write files.
        if piece := await asyncio.to_thread(_written, file, export.kind, rows):
            yield piece
        done(count)
    yield await asyncio.to_thread(file.end)


def _written(file: Any, kind: Kind, rows: Sequence[Any]) -> bytes:
    written: bytes = file.add([with_usage(row) for row in rows] if kind == "requests" else rows)
    return written


async def size(tx: Tx, export: Export) -> int:
    """How much `done` will be told of, as far as one can say now."""
    if export.kind == "usage":
        return len(await _hours(tx, export))
    table = Request if export.kind == "requests" else Entry
    count = select(func.count()).select_from(table).where(*_within(table, export))
    if export.account_id is not None and table is Entry:
        book = account_book(export.account_id)
        count = count.where(or_(Entry.debit == book, Entry.credit == book))
    elif export.account_id is not None:
        count = count.where(Request.account_id == export.account_id)
    return await tx.scalar(count) or 0


async def _usage(read: Reader, export: Export) -> AsyncIterator[Page]:
    """An hour at a time: one statement sees each request once, also while a worker counts it."""
    async with read() as tx:
        hours = await _hours(tx, export)
    if not hours:
        yield [], 0
    for start_ms in hours:
        end_ms = min(start_ms + HOUR_MS, export.timespan.end_ms)
        counts = all_counts(start_ms, end_ms, Filter(export.mode, export.account_id), _IN_COMMON).c
        common = [counts[name] for name in _IN_COMMON]
        sums = [func.sum(counts[name]).label(name) for name in COUNTS]
        hour = literal(start_ms, BigInteger).label("start_ms")
        async with read() as tx:
            rows = (await tx.execute(select(hour, *common, *sums).group_by(*common).order_by(*common))).all()
        yield rows, 1


async def _hours(tx: Tx, export: Export) -> list[int]:
    """Those in which there is anything, counted from the beginning of the export on."""
    start_ms, end_ms, _ = export.timespan
    counts = all_counts(start_ms, end_ms, Filter(export.mode, export.account_id), []).c
    hour = counts.start_ms - (counts.start_ms - start_ms) % HOUR_MS
    return sorted((await tx.execute(select(hour.label("hour")).distinct())).scalars())


async def _rows(read: Reader, export: Export) -> AsyncIterator[Page]:
    page = _page_of_log if export.kind == "requests" else _page_of_entries
    after: Position | None = None
    while True:
        async with read() as tx:
            rows = (await tx.execute(page(export, after))).all()
        yield rows, len(rows)
        if len(rows) < ROWS_AT_ONCE:
            return
        after = Position(rows[-1].created_ms, rows[-1].id)


def _within(table: type[Request] | type[Entry], export: Export) -> list[ColumnElement[bool]]:
    start_ms, end_ms, _ = export.timespan
    return [table.mode == export.mode, table.created_ms >= start_ms, table.created_ms < end_ms]


def _by_time(
    statement: Select[Any], table: type[Request] | type[Entry], after: Position | None
) -> Select[Any]:
    """The rows after the last one that was seen, in the order of an index: no page costs more than the first."""
    if after is not None:
        last = tuple_(literal(after.created_ms, BigInteger), literal(after.id, table.id.type))
        statement = statement.where(
            table.created_ms >= after.created_ms, tuple_(table.created_ms, table.id) > last
        )
    return statement.order_by(table.created_ms, table.id).limit(ROWS_AT_ONCE)


def _page_of_log(export: Export, after: Position | None) -> Select[Any]:
    statement = select(*_LOGGED).where(*_within(Request, export))
    if export.account_id is not None:
        statement = statement.where(Request.account_id == export.account_id)
    return _by_time(statement, Request, after)


def _page_of_entries(export: Export, after: Position | None) -> Any:
    statement = select(*Entry.__table__.c).where(*_within(Entry, export))
    if export.account_id is None:
        # Each entry moves money between two of many books, so no index has them by time: they come as written.
        return statement.where(Entry.id > (after.id if after else 0)).order_by(Entry.id).limit(ROWS_AT_ONCE)
    book = account_book(export.account_id)
    sides = [_by_time(statement.where(side == book), Entry, after) for side in (Entry.debit, Entry.credit)]
    both = union_all(*(select(side.subquery()) for side in sides)).subquery()
    return select(both).order_by(both.c.created_ms, both.c.id).limit(ROWS_AT_ONCE)
