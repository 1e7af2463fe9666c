"""Pages of a list, newest first. A cursor names the last row seen, so rows that come meanwhile shift nothing."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Select, literal, tuple_

from pronghorn.errors import BadRequest
from pronghorn.manage.fields import time_ms
from pronghorn.store import Tx

T = TypeVar("T")
Position = tuple[int, str | int]
"""When a row was made, and its id."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
_decode = msgspec.json.Decoder(Position).decode


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
        None if cursor is None else _read_cursor(cursor),
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
            raise _bad_cursor()
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
    text = msgspec.json.encode((last.page_moment, last.page_identity))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_cursor(cursor: str) -> Position:
    try:
        position: Position = _decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError) as error:
        raise _bad_cursor() from error
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in position):
        raise _bad_cursor()
    return position


def _bad_cursor() -> BadRequest:
    return BadRequest(
        "cursor is not one that this list gave as `next`; leave it out to begin", param="cursor"
    )
