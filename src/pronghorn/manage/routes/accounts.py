"""Accounts and their members."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from pronghorn.commerce.welcome import welcome_by_operator
from pronghorn.errors import BadRequest
from pronghorn.manage.context import ManageContext
from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import accounts, memberships
from pronghorn.manage.services.accounts import (
    MAX_REFERENCE,
    Account,
    AccountChange,
    Adjustment,
    NewAccount,
)
from pronghorn.manage.services.memberships import Member, NewMember

_TAGS = ["accounts"]
_IdempotencyKey = HeaderParameter(
    name="Idempotency-Key",
    min_length=1,
    max_length=MAX_REFERENCE,
    description="The same as `reference` in the body.",
)


@post("/accounts", operation_id="createAccount", summary="Open an account", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewAccount]) -> Account:
    async with context.change() as tx:
        account_id = await accounts.create(tx, act, data)
        await welcome_by_operator(tx, context.settings, account_id, act.now_ms)
    return await _show(context, account_id)


@get("/accounts", operation_id="listAccounts", summary="List accounts", tags=_TAGS)
async def list_(context: Context, part: Part, mode: FromQuery[Mode] = "live") -> Page[Account]:
    async with context.read() as tx:
        page = await accounts.page(tx, part)
    return Page(await _views(context, page.items, mode), page.next)


@get("/accounts/{account_id:str}", operation_id="getAccount", summary="Show an account", tags=_TAGS)
async def show(
    context: Context,
    account_id: FromPath[str],
    mode: FromQuery[Mode] = "live",
    detail: FromQuery[bool] = False,
) -> Account:
    account = await _show(context, account_id, mode)
    if detail:
        async with context.read() as tx:
            account.leases = await accounts.leases(tx, account_id, mode)
    return account


@patch("/accounts/{account_id:str}", operation_id="changeAccount", summary="Change an account", tags=_TAGS)
async def change(
    context: Context, act: Actor, account_id: FromPath[str], data: JSONBody[AccountChange]
) -> Account:
    async with context.change() as tx:
        await accounts.change(tx, act, account_id, data)
    return await _show(context, account_id)


@post(
    "/accounts/{account_id:str}/adjust",
    operation_id="adjustAccount",
    summary="Pay money in, or take it out",
    tags=_TAGS,
    status_code=200,
)
async def adjust(
    context: Context,
    act: Actor,
    account_id: FromPath[str],
    data: JSONBody[Adjustment],
    key: Annotated[str | None, _IdempotencyKey] = None,
) -> Account:
    if key is not None:
        if data.reference not in (None, key):
            raise BadRequest("reference differs from Idempotency-Key; send one of them", param="reference")
        data.reference = key
    if accounts.adjustment_nano(data) < 0:
        async with context.read() as tx:
            await accounts.get(tx, account_id)
        # What this server has leased and not held is called back first: it is free, too.
        await context.credit.give_back(context.credit.purse(account_id, data.mode))
    async with context.change() as tx:
        await accounts.adjust(tx, act, account_id, data)
    return await _show(context, account_id, data.mode)


async def _show(context: ManageContext, account_id: str, mode: Mode = "live") -> Account:
    async with context.read() as tx:
        row = await accounts.get(tx, account_id)
    return (await _views(context, [row], mode))[0]


async def _views(context: ManageContext, rows: Sequence[Any], mode: Mode) -> list[Account]:
    standings = await context.credit.standing([row.id for row in rows], mode)
    return [accounts.view(row, mode, standings[row.id]) for row in rows]


@get("/accounts/{account_id:str}/members", operation_id="listMembers", summary="List members", tags=_TAGS)
async def list_members(context: Context, account_id: FromPath[str], part: Part) -> Page[Member]:
    async with context.read() as tx:
        return await memberships.page(tx, account_id, part)


@post(
    "/accounts/{account_id:str}/members",
    operation_id="putMember",
    summary="Add a member, or change its role",
    tags=_TAGS,
)
async def put_member(
    context: Context, act: Actor, account_id: FromPath[str], data: JSONBody[NewMember]
) -> Member:
    async with context.change() as tx:
        return await memberships.put(tx, act, account_id, data)


@delete(
    "/accounts/{account_id:str}/members/{user_id:str}",
    operation_id="deleteMember",
    summary="Remove a member",
    tags=_TAGS,
)
async def remove_member(
    context: Context, act: Actor, account_id: FromPath[str], user_id: FromPath[str]
) -> None:
    async with context.change() as tx:
        await memberships.remove(tx, act, account_id, user_id)


handlers = [create, list_, show, change, adjust, list_members, put_member, remove_member]
