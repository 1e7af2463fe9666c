"""Pages of a list, newest first."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Select, literal, tuple_

from pronghorn.commerce.calendar import time_ms
from pronghorn.errors import BadRequest
from pronghorn.store import Tx
from pronghorn.store import cursor as cursors
from pronghorn.store.cursor import Position

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


class Page(msgspec.Struct, Generic[T]):
    """A part of a list; `next` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None = None


class Window(NamedTuple):
    """Which part of a list is asked for."""

    limit: int = DEFAULT_LIMIT
    since_ms: int | None = None
    until_ms: int | None = None
    after: Position | None = None


def window(
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    since: str | None = None,
    until: str | None = None,
) -> Window:
    """`since` is inside, `until` outside of what is listed."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequest(f"limit must be between 1 and {MAX_LIMIT}", param="limit")
    return Window(
        limit,
        None if since is None else time_ms(since, "since"),
        None if until is None else time_ms(until, "until"),
        None if cursor is None else cursors.read(cursor),
    )


def matching(statement: Select[Any], *wanted: tuple[Any, Any]) -> Select[Any]:
    """Rows whose columns have the values that are wanted of them; None: any."""
    return statement.where(*(column == value for column, value in wanted if value is not None))


async def fetch(
    tx: Tx, statement: Select[Any], moment: Any, identity: Any, part: Window, view: Callable[[Any], T]
) -> Page[T]:
    """One page of `statement`, ordered by the columns `moment` and `identity`."""
    if part.since_ms is not None:
        statement = statement.where(moment >= part.since_ms)
    if part.until_ms is not None:
        statement = statement.where(moment < part.until_ms)
    if part.after is not None:
        if not isinstance(part.after[1], identity.type.python_type):
            raise cursors.refusal()
        last = tuple_(literal(part.after[0], moment.type), literal(part.after[1], identity.type))
        statement = statement.where(tuple_(moment, identity) < last)
    statement = statement.add_columns(moment.label("page_moment"), identity.label("page_identity"))
    statement = statement.order_by(moment.desc(), identity.desc()).limit(part.limit + 1)
    rows = (await tx.execute(statement)).all()
    return Page([view(row) for row in rows[: part.limit]], _next(rows, part.limit))


def _next(rows: Sequence[Any], limit: int) -> str | None:
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return cursors.write(last.page_moment, last.page_identity)
