"""Logs: what an account's keys asked for and what it cost, for its users and for who holds one of the keys."""

from collections.abc import Sequence
from typing import Any

from litestar import get
from sqlalchemy import select

from pronghorn.accounts import keys
from pronghorn.errors import AccessDenied, BadRequest, Unauthenticated
from pronghorn.kit import quota
from pronghorn.kit.forwarded import read_address
from pronghorn.kit.network import parse_network
from pronghorn.portal import log_lines, log_query
from pronghorn.portal.answer import Answer
from pronghorn.portal.caller import AnyRequest, Caller, address_of, bearer
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared, Wanted
from pronghorn.portal.log_lines import CONSUME, ERROR, MANAGE, SYSTEM, TOP_UP, Names
from pronghorn.store import Tx
from pronghorn.store.models import Account, Key

NEWEST = 1_000
"""Of one key's log."""
MAX_KEYWORD = 100


@get("/api/log/self")
async def own_log(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """Without a type: what models were asked for. Money that came and went has types of its own."""
    part, asked = filters.part(), log_query.read(filters)
    if caller.account is None or asked.kind not in (0, CONSUME, ERROR, TOP_UP, SYSTEM, MANAGE):
        return part.of([], 0)
    account_id = caller.account.id
    async with desk.context.read() as tx:
        if asked.kind in (0, CONSUME, ERROR):
            found, total = await log_query.rows(tx, account_id, asked, part)
            names = await log_query.key_names(tx, account_id, {row.key_id for row in found})
        else:
            found, total = await log_query.entries(tx, account_id, asked, part)
            shown = Names(caller.number, caller.username, {}, {})
            places = enumerate(found, part.offset + 1)
            return part.of([log_lines.of_entry(row, at, shown, asked.kind) for at, row in places], total)
    return part.of(await _lines(desk, found, names, caller, part.offset), total)


@get("/api/log/self/search")
async def search(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    part, asked, keyword = filters.part(), log_query.read(filters), filters.text("keyword").strip()
    if len(keyword) > MAX_KEYWORD:
        raise BadRequest(f"keyword must have at most {MAX_KEYWORD} characters", param="keyword")
    if caller.account is None:
        return part.of([], 0)
    account_id = caller.account.id
    async with desk.context.read() as tx:
        found, total = await log_query.search(tx, account_id, keyword, asked, part)
        names = await log_query.key_names(tx, account_id, {row.key_id for row in found})
    return part.of(await _lines(desk, found, names, caller, part.offset), total)


@get("/api/log/self/stat")
async def stat(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    asked = log_query.read(filters)
    if caller.account is None:
        return Answer({"quota": 0, "rpm": 0, "tpm": 0})
    async with desk.context.read() as tx:
        spent, rpm, tpm = await log_query.stat(tx, caller.account.id, asked, desk.context.now_ms)
    return Answer({"quota": quota.used(spent), "rpm": rpm, "tpm": tpm})


@get("/api/log/token")
async def key_log(request: AnyRequest, desk: Shared, filters: Wanted) -> Answer:
    """By the key itself. An expired or exhausted one may look; a disabled one, or one of such an account, may not."""
    secret = filters.text("key") or bearer(request)
    async with desk.context.read() as tx:
        key = await _key(tx, desk, secret)
        _check_address(key, address_of(request))
        found = await log_query.of_key(tx, key.id, NEWEST)
    numbers = await desk.numbers.of(desk.context, [key.id])
    names = Names(0, key.account_name, {key.id: key.name}, numbers)
    return Answer([log_lines.of_request(row, at, names) for at, row in enumerate(found, 1)])


async def _lines(
    desk: Desk, found: Sequence[Any], key_names: dict[str, str], caller: Caller, offset: int
) -> list[dict[str, Any]]:
    numbers = await desk.numbers.of(desk.context, {row.key_id for row in found})
    names = Names(caller.number, caller.username, key_names, numbers)
    return [log_lines.of_request(row, at, names) for at, row in enumerate(found, offset + 1)]


async def _key(tx: Tx, desk: Desk, secret: str) -> Any:
    secrets = desk.context.secrets
    hashes = [keys.keyed_hash(each, secret) for each in secrets.hash_keys]
    found = (
        select(Key.id, Key.name, Key.ips, Key.is_disabled, Account.name.label("account_name"))
        .add_columns(Account.is_disabled.label("account_is_disabled"))
        .join(Account, Account.id == Key.account_id)
        .where(Key.hash.in_(hashes))
    )
    key = (await tx.execute(found)).one_or_none() if keys.is_well_formed(secret) else None
    if key is None:
        raise Unauthenticated("this API key is not valid here; send it as Authorization: Bearer sk-...")
    if key.is_disabled or key.account_is_disabled:
        raise AccessDenied("this API key or its account is disabled")
    return key


def _check_address(key: Any, address: str) -> None:
    where = read_address(address)
    networks = [parse_network(text, strict=False) for text in key.ips or ()]
    if networks and (where is None or not any(where in network for network in networks)):
        raise AccessDenied(f"this API key may not be used from {address or 'this address'}")


handlers = [own_log, search, stat, key_log]
