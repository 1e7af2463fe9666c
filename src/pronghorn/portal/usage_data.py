"""Usage data: what an account used, by hour and model, or by key, group and model; a month at most."""

from typing import Any

from litestar import get
from sqlalchemy import func, select

from pronghorn.commerce import usage
from pronghorn.errors import BadRequest
from pronghorn.kit import quota
from pronghorn.portal import log_query
from pronghorn.portal.answer import Answer, Query
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared, Wanted

HOUR_S = 3600
HOUR_MS = HOUR_S * 1000
LONGEST_S = 31 * 24 * HOUR_S
USUAL_S = 24 * HOUR_S
MAX_ROWS = 50_000


@get("/api/data/self")
async def by_hour(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """Hours of UTC; those at both ends of the span are whole."""
    start_ms, end_ms = _span(desk, filters)
    if caller.account is None:
        return Answer([])
    counts = usage.all_counts(start_ms, end_ms, usage.Filter("live", caller.account.id), ["model"])
    hour = counts.c.start_ms - counts.c.start_ms % HOUR_MS
    found = (
        select(hour.label("hour"), counts.c.model, *_sums(counts))
        .group_by(hour, counts.c.model)
        .order_by(hour, counts.c.model)
        .limit(MAX_ROWS)
    )
    async with desk.context.read() as tx:
        rows = (await tx.execute(found)).all()
    frame = {"user_id": caller.number, "username": caller.username}
    return Answer(
        [
            {**frame, "model_name": row.model, "created_at": int(row.hour) // 1000, **_numbers(row)}
            for row in rows
        ]
    )


@get("/api/data/flow/self")
async def by_key(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    start_ms, end_ms = _span(desk, filters)
    if caller.account is None:
        return Answer([])
    account_id, parts = caller.account.id, ["key_id", "group_name", "model"]
    counts = usage.all_counts(start_ms, end_ms, usage.Filter("live", account_id), parts)
    columns = [counts.c[part] for part in parts]
    found = select(*columns, *_sums(counts)).group_by(*columns).order_by(*columns).limit(MAX_ROWS)
    async with desk.context.read() as tx:
        rows = (await tx.execute(found)).all()
        names = await log_query.key_names(tx, account_id, {row.key_id for row in rows})
    numbers = await desk.numbers.of(desk.context, {row.key_id for row in rows})
    return Answer(
        [
            {
                "token_id": numbers[row.key_id],
                "token_name": names.get(row.key_id, ""),
                "use_group": row.group_name,
                "model_name": row.model,
                **_numbers(row),
            }
            for row in rows
        ]
    )


def _span(desk: Desk, query: Query) -> tuple[int, int]:
    """Without any: the last day."""
    now_s = int(desk.context.clock.now())
    end_s = query.whole("end_timestamp", most=10**11) or now_s
    start_s = query.whole("start_timestamp", most=10**11) or end_s - USUAL_S
    if end_s < start_s:
        raise BadRequest("end_timestamp must not be before start_timestamp", param="end_timestamp")
    if end_s - start_s > LONGEST_S:
        raise BadRequest("start_timestamp: a month is the most; ask several times", param="start_timestamp")
    return start_s // HOUR_S * HOUR_MS, (end_s // HOUR_S + 1) * HOUR_MS


def _sums(counts: Any) -> list[Any]:
    return [
        func.sum(counts.c[name]).label(label)
        for name, label in (
            ("requests", "requests"),
            ("input", "tokens_in"),
            ("output", "tokens_out"),
            ("cost", "cost"),
        )
    ]


def _numbers(row: Any) -> dict[str, int]:
    """PostgreSQL's sums are decimals."""
    return {
        "token_used": int(row.tokens_in) + int(row.tokens_out),
        "count": int(row.requests),
        "quota": quota.used(int(row.cost)),
    }


handlers = [by_hour, by_key]
