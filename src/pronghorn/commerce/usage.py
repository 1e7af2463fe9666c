"""Usage: what was asked for, what it took and what it cost, by hour or day and by what it is split into.

What is counted (see `rollup`) and the rows that are not yet are read by one statement: each row is seen once, also
while a worker counts it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, String, func, null, select, type_coerce, union_all
from sqlalchemy.sql.selectable import Subquery

from pronghorn.commerce.rollup import COUNTS, KEY, NOT_COUNTED
from pronghorn.commerce.timespan import By, Slot, Timespan, place, slots
from pronghorn.errors import BadRequest
from pronghorn.store import Tx
from pronghorn.store.models import Account, Channel, Key, Membership, Request, UsageCount, User

Split = Literal["model", "key", "user", "channel", "account", "group", "none"]
Counts = dict[str, int]
"""By the names of `rollup.COUNTS`; money in nano-dollars."""

MAX_LINES = 20_000
_IDS_AT_ONCE = 1_000
_COLUMN: dict[Split, str] = {
    "model": "model",
    "key": "key_id",
    "user": "account_id",
    "channel": "channel_id",
    "account": "account_id",
    "group": "group_name",
}
_NAMED: dict[Split, Any] = {"key": Key, "channel": Channel, "account": Account, "user": User}


class Filter(NamedTuple):
    mode: Literal["live", "test"] = "live"
    account_id: str | None = None
    key_id: str | None = None
    model: str | None = None


class Line(NamedTuple):
    """One part in one hour or day."""

    slot: Slot
    part: str
    """Empty where there is none: no channel was asked, nobody owns the account, nothing is split."""
    counts: Counts


class Report(NamedTuple):
    lines: list[Line]
    """By time, then by part; without a split an empty hour or day has its line too."""
    parts: dict[str, Counts]
    """Over the whole timespan, the most expensive first."""
    names: dict[str, str]
    """What the parts are called, as far as they are still there."""
    total: Counts


async def report(tx: Tx, timespan: Timespan, by: By, split: Split, only: Filter) -> Report:
    """Raises `BadRequest` if it would be too long to be read."""
    rows = (await tx.execute(_statement(timespan, by, split, only))).all()
    if len(rows) > MAX_LINES:
        raise BadRequest(
            f"group_by: that is more than {MAX_LINES} lines; ask for fewer days or one account, or export it",
            param="group_by",
        )
    # In a thread: a server has other things to do than to add up.
    lines, parts = await asyncio.to_thread(_added_up, rows, slots(timespan, by), split)
    return Report(lines, parts, await _names(tx, split, list(parts)), added(parts.values()))


def _added_up(
    rows: Sequence[Any], within: dict[int, Slot], split: Split
) -> tuple[list[Line], dict[str, Counts]]:
    found = {(row.place, row.part or ""): _counts(row) for row in rows}
    if split == "none":
        found = {(at, ""): found.get((at, ""), added(())) for at in within}
    lines = [Line(within[at], part, counts) for (at, part), counts in found.items()]
    lines.sort(key=lambda line: (line.slot, line.part))
    return lines, _parts(lines)


def added(several: Iterable[Counts]) -> Counts:
    total = dict.fromkeys(COUNTS, 0)
    for counts in several:
        for name, count in counts.items():
            total[name] += count
    return total


def _counts(row: Any) -> Counts:
    """PostgreSQL's sums are decimals."""
    return dict(zip(COUNTS, map(int, row[2:]), strict=True))


def _parts(lines: list[Line]) -> dict[str, Counts]:
    found: dict[str, list[Counts]] = {}
    for line in lines:
        found.setdefault(line.part, []).append(line.counts)
    sums = {part: added(several) for part, several in found.items()}
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1]["cost"], -pair[1]["requests"], pair[0])))


async def _names(tx: Tx, split: Split, ids: list[str]) -> dict[str, str]:
    if split not in _NAMED:
        return {}
    table = _NAMED[split]
    return await titles(tx, table.id, table.email if split == "user" else table.name, ids)


async def titles(tx: Tx, identity: Any, title: Any, ids: Sequence[str]) -> dict[str, str]:
    """What is called how, of those that are still there."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        rows = await tx.execute(select(identity, title).where(identity.in_(some)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _statement(timespan: Timespan, by: By, split: Split, only: Filter) -> Select[Any]:
    both = all_counts(timespan.start_ms, timespan.end_ms, only, [_COLUMN[split]] if split in _COLUMN else [])
    part, source = _split(split, both)
    counts = [both.c[name] for name in COUNTS]
    placed = (
        select(place(both.c.start_ms, timespan, by).label("place"), part.label("part"), *counts)
        .select_from(source)
        .subquery()
    )
    sums = [func.sum(placed.c[name]).label(name) for name in COUNTS]
    return (
        select(placed.c.place, placed.c.part, *sums)
        .group_by(placed.c.place, placed.c.part)
        .limit(MAX_LINES + 1)
    )


def all_counts(start_ms: int, end_ms: int, only: Filter, columns: list[str]) -> Subquery:
    """By quarter (`start_ms`) and `columns`: what is counted, and the rows that are not yet."""
    columns = ["start_ms", *columns]
    counted = select(*(getattr(UsageCount, name) for name in (*columns, *COUNTS))).where(
        UsageCount.start_ms >= start_ms, UsageCount.start_ms < end_ms, *_filters(UsageCount, only)
    )
    fresh = (
        select(
            *(KEY[name].label(name) for name in columns),
            *(expression.label(name) for name, expression in COUNTS.items()),
        )
        .where(NOT_COUNTED, Request.created_ms >= start_ms, Request.created_ms < end_ms)
        .where(*_filters(Request, only))
        .group_by(*(KEY[name] for name in columns))
    )
    return union_all(counted, fresh).subquery()


def _filters(table: Any, only: Filter) -> list[ColumnElement[bool]]:
    return [getattr(table, name) == value for name, value in only._asdict().items() if value is not None]


def _split(split: Split, both: Subquery) -> tuple[ColumnElement[Any], FromClause]:
    """The column that splits, and where it comes from."""
    if split == "none":
        return type_coerce(null(), String), both
    if split != "user":
        return both.c[_COLUMN[split]], both
    # Keys belong to accounts and not to people: an account's owner stands for it, the first if there are several.
    number = func.row_number().over(
        partition_by=Membership.account_id, order_by=(Membership.created_ms, Membership.user_id)
    )
    owners = (
        select(Membership.account_id, Membership.user_id, number.label("number"))
        .where(Membership.role == "owner")
        .subquery()
    )
    is_owner = (owners.c.account_id == both.c.account_id) & (owners.c.number == 1)
    return owners.c.user_id, both.outerjoin(owners, is_owner)
