"""Log query: finding rows of the usage log and entries of the ledger, each by its own account and nothing else.

What is searched is compared as it stands: `%` and `_` of a caller mean themselves. A search looks at the newest 5,000
rows of the time it is given, so that it takes as long in a long log as in a short one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, cast, func, or_, select, text

from pronghorn.commerce.rollup import FINE
from pronghorn.ledger.repository import account_book
from pronghorn.portal.answer import Part, Query
from pronghorn.portal.log_lines import CONSUME, ERROR, MANAGE, SYSTEM, TOP_UP
from pronghorn.store import Tx
from pronghorn.store.models import Entry, Key, Request

SEARCHED = 5_000
COUNTED = 10_000
"""Longer lists are counted only as far as they are read."""
MINUTE_MS = 60_000
ROW = [column for column in Request.__table__.columns if column.name != "attempts"]
"""What channels were asked is the operator's."""


class Asked(NamedTuple):
    kind: int
    since_ms: int
    until_ms: int | None
    token_name: str
    model: str
    group: str
    request_id: str


def read(query: Query) -> Asked:
    until_s = query.whole("end_timestamp", most=10**11)
    return Asked(
        kind=query.whole("type", most=100),
        since_ms=query.whole("start_timestamp", most=10**11) * 1000,
        # Seconds mean the whole second.
        until_ms=until_s * 1000 + 1000 if until_s else None,
        token_name=query.text("token_name"),
        model=query.text("model_name"),
        group=query.text("group"),
        request_id=query.text("request_id"),
    )


async def rows(tx: Tx, account_id: str, asked: Asked, part: Part) -> tuple[Sequence[Any], int]:
    """Newest first, with how many there are."""
    where = await _where(tx, account_id, asked)
    found = select(*ROW).where(*where).order_by(Request.created_ms.desc(), Request.id.desc())
    page = (await tx.execute(found.offset(part.offset).limit(part.size))).all()
    return page, await _count(tx, select(Request.id).where(*where), part)


async def of_key(tx: Tx, key_id: str, limit: int) -> Sequence[Any]:
    found = select(*ROW).where(Request.key_id == key_id)
    return (await tx.execute(found.order_by(Request.created_ms.desc(), Request.id.desc()).limit(limit))).all()


async def entries(tx: Tx, account_id: str, asked: Asked, part: Part) -> tuple[Sequence[Any], int]:
    """Money that came from outside (top-up), that was given (system), or that was taken out (manage)."""
    book = account_book(account_id)
    # The second is for the index, which leaves revenue out.
    came = Entry.credit == book, text("credit <> 'revenue'")
    conditions: dict[int, tuple[Any, ...]] = {
        TOP_UP: (*came, Entry.debit == "funding"),
        SYSTEM: (*came, Entry.debit != "funding"),
        MANAGE: (Entry.debit == book, Entry.credit != "revenue"),
    }
    where = [*conditions[asked.kind], Entry.mode == "live", Entry.created_ms >= asked.since_ms]
    if asked.until_ms is not None:
        where.append(Entry.created_ms < asked.until_ms)
    found = select(*Entry.__table__.columns).where(*where)
    found = found.order_by(Entry.created_ms.desc(), Entry.id.desc()).offset(part.offset).limit(part.size)
    page = (await tx.execute(found)).all()
    return page, await _count(tx, select(Entry.id).where(*where), part)


async def search(
    tx: Tx, account_id: str, keyword: str, asked: Asked, part: Part
) -> tuple[Sequence[Any], int]:
    """By a part of a model's or a key's name, or by a request's id."""
    where = await _where(tx, account_id, asked)
    newest = (
        select(Request.id, Request.created_ms, Request.model, Request.key_id)
        .where(*where)
        .order_by(Request.created_ms.desc(), Request.id.desc())
        .limit(SEARCHED)
        .subquery()
    )
    named = select(Key.id).where(Key.account_id == account_id, Key.name.icontains(keyword, autoescape=True))
    matches = or_(
        newest.c.model.icontains(keyword, autoescape=True),
        newest.c.id == keyword,
        newest.c.key_id.in_(named),
    )
    hits = select(newest.c.id).where(matches).order_by(newest.c.created_ms.desc(), newest.c.id.desc())
    ids = list((await tx.execute(hits)).scalars())
    wanted = ids[part.offset : part.offset + part.size]
    found = {row.id: row for row in await tx.execute(select(*ROW).where(Request.id.in_(wanted)))}
    return [found[request_id] for request_id in wanted], len(ids)


async def stat(tx: Tx, account_id: str, asked: Asked, now_ms: int) -> tuple[int, int, int]:
    """What was spent, in nano-dollars, and requests and tokens of the last minute."""
    spent = await tx.scalar(select(func.sum(Request.cost)).where(*await _where(tx, account_id, asked)))
    recent = (
        Request.account_id == account_id,
        Request.mode == "live",
        Request.created_ms > now_ms - MINUTE_MS,
    )
    tokens = _tokens("input") + _tokens("output")
    row = (await tx.execute(select(func.count(), func.sum(tokens)).where(*recent))).one()
    return int(spent or 0), int(row[0]), int(row[1] or 0)


async def key_names(tx: Tx, account_id: str, key_ids: set[str]) -> dict[str, str]:
    found = select(Key.id, Key.name).where(Key.account_id == account_id, Key.id.in_(key_ids))
    return {row.id: row.name for row in await tx.execute(found)}


async def _where(tx: Tx, account_id: str, asked: Asked) -> list[ColumnElement[bool]]:
    where = [
        Request.account_id == account_id,
        Request.mode == "live",
        Request.created_ms >= asked.since_ms,
    ]
    if asked.until_ms is not None:
        where.append(Request.created_ms < asked.until_ms)
    if asked.kind in (CONSUME, ERROR):
        is_fine = Request.end_reason.in_(FINE)
        where.append(is_fine if asked.kind == CONSUME else ~is_fine)
    for column, value in (
        (Request.model, asked.model),
        (Request.group_name, asked.group),
        (Request.id, asked.request_id),
    ):
        if value:
            where.append(column == value)
    if asked.token_name:
        named = select(Key.id).where(Key.account_id == account_id, Key.name == asked.token_name)
        where.append(Request.key_id.in_(list((await tx.execute(named)).scalars())))
    return where


async def _count(tx: Tx, found: Any, part: Part) -> int:
    """Exact up to `COUNTED`; beyond that always more than was read, so that a client that goes on finds an end."""
    most = max(COUNTED, part.offset + part.size + 1)
    return await tx.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


def _tokens(name: str) -> ColumnElement[int]:
    return func.coalesce(cast(Request.usage[name].as_string(), BigInteger), 0)
