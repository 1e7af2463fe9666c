"""Tokens: an account's live keys, by the name that dashboards of this family have for them.

Members may look; owners and admins of the account make, change and end keys. A key is told once, in the answer to its
making: only its hash is kept, so nothing can reveal it afterwards.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath
from sqlalchemy import ColumnElement, func, select

from pronghorn.commerce import issuing
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.portal import numbers, token_fields
from pronghorn.portal.answer import Answer, Part, body
from pronghorn.portal.caller import AccountOf, AnyRequest, Caller
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared, Wanted
from pronghorn.portal.token_fields import DISABLED, ENABLED, Given
from pronghorn.store import Tx
from pronghorn.store.models import Key

MAX_KEYS = 1_000
"""Of one account, made here."""
MAX_BATCH = 100
_NO_REVEAL = (
    "a key is shown once, when it is made: only its hash is kept here. POST /api/token/ answers with the new key "
    "in data.key; to replace this one, make another and delete it"
)


class Several(msgspec.Struct):
    ids: Annotated[list[int], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


@get("/api/token")
async def list_(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    return await _page(desk, caller, filters.part(), [])


@get("/api/token/search")
async def search(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """By a part of the name, and by what lists show of the key. `%` and `_` mean themselves."""
    where: list[ColumnElement[bool]] = []
    if keyword := filters.text("keyword").strip():
        where.append(Key.name.icontains(keyword, autoescape=True))
    if shown := filters.text("token").strip():
        where.append(Key.hint.contains(shown[:40], autoescape=True))
    return await _page(desk, caller, filters.part(), where)


@get("/api/token/auto-groups")
async def auto_groups(caller: Asking) -> Answer:
    """A key has one group here."""
    return Answer({"groups": [], "max_count": 0})


@get("/api/token/{number:int}")
async def show(desk: Shared, caller: Asking, number: FromPath[int]) -> Answer:
    account = caller.wallet()
    async with desk.context.read() as tx:
        row = await _own(tx, account, number)
    return Answer(token_fields.shown(row, number, caller, desk.context.now_ms))


@post("/api/token", status_code=200)
async def create(request: AnyRequest, desk: Shared, caller: Asking) -> Answer:
    account, given = caller.managed(), await body(request, Given)
    context = desk.context
    values = token_fields.columns(given, account, context.now_ms)
    act = caller.act(context.now_ms)
    async with context.change() as tx:
        await _check_room(tx, account)
        key_id, secret = await issuing.issue(tx, act, context.secrets, account.id, "live", values, values)
        row = await _row(tx, account, key_id)
    number = (await desk.numbers.of(context, [key_id]))[key_id]
    return Answer({**token_fields.shown(row, number, caller, context.now_ms), "key": secret})


@put("/api/token")
async def change(request: AnyRequest, desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """With `status_only` the key is switched on or off and stays as it is otherwise."""
    account, given = caller.managed(), await body(request, Given)
    context = desk.context
    act = caller.act(context.now_ms)
    async with context.change() as tx:
        row = await _own(tx, account, given.id)
        if filters.text("status_only"):
            values = _switched(row, given.status, context.now_ms)
        else:
            values = token_fields.columns(given, account, context.now_ms, row)
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        await issuing.change(tx, act, row.id, changed, changed)
        row = await _row(tx, account, row.id)
    return Answer(token_fields.shown(row, given.id, caller, context.now_ms))


@delete("/api/token/{number:int}", status_code=200)
async def revoke(desk: Shared, caller: Asking, number: FromPath[int]) -> Answer:
    account = caller.managed()
    async with desk.context.change() as tx:
        act = caller.act(desk.context.now_ms)
        await issuing.revoke(tx, act, await _own(tx, account, number))
    return Answer()


@post("/api/token/batch", status_code=200)
async def revoke_several(request: AnyRequest, desk: Shared, caller: Asking) -> Answer:
    """All of them or none."""
    account, given = caller.managed(), await body(request, Several)
    several = set(given.ids)
    async with desk.context.change() as tx:
        act = caller.act(desk.context.now_ms)
        for number in sorted(several):
            await issuing.revoke(tx, act, await _own(tx, account, number))
    return Answer(len(several))


@post(["/api/token/{number:int}/key", "/api/token/batch/keys"], status_code=200)
async def reveal(caller: Asking) -> Answer:
    raise BadRequest(_NO_REVEAL, code="key_not_kept")


async def _page(desk: Desk, caller: Caller, part: Part, where: Sequence[ColumnElement[bool]]) -> Answer:
    if caller.account is None:
        return part.of([], 0)
    mine = (Key.account_id == caller.account.id, Key.mode == "live", *where)
    found = select(*Key.__table__.columns).where(*mine).order_by(Key.created_ms.desc(), Key.id.desc())
    async with desk.context.read() as tx:
        rows = (await tx.execute(found.offset(part.offset).limit(part.size))).all()
        total = await tx.scalar(select(func.count()).where(*mine)) or 0
    by_id = await desk.numbers.of(desk.context, [row.id for row in rows])
    now_ms = desk.context.now_ms
    return part.of([token_fields.shown(row, by_id[row.id], caller, now_ms) for row in rows], total)


async def _own(tx: Tx, account: AccountOf, number: int) -> Any:
    """Raises `NotFound` alike for a number that names nothing and for what belongs to somebody else."""
    return await _row(tx, account, await numbers.subject_of(tx, number) or "")


async def _row(tx: Tx, account: AccountOf, key_id: str) -> Any:
    mine = (Key.id == key_id, Key.account_id == account.id, Key.mode == "live")
    row = (await tx.execute(select(*Key.__table__.columns).where(*mine))).one_or_none()
    if row is None:
        raise NotFound("there is no such token; GET /api/token/ lists yours")
    return row


async def _check_room(tx: Tx, account: AccountOf) -> None:
    if (await tx.scalar(select(func.count()).where(Key.account_id == account.id)) or 0) >= MAX_KEYS:
        raise Conflict(f"an account has at most {MAX_KEYS} keys; delete some")


def _switched(row: Any, status: int, now_ms: int) -> dict[str, Any]:
    if status not in (ENABLED, DISABLED):
        raise BadRequest("status must be 1 (enabled) or 2 (disabled)", param="status")
    if status == ENABLED and token_fields.failing(row, now_ms):
        raise Conflict("this token is expired or exhausted; change expired_time or remain_quota first")
    return {"is_disabled": status == DISABLED}


handlers = [list_, search, auto_groups, show, create, change, revoke, revoke_several, reveal]
