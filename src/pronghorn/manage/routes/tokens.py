"""Admin tokens."""

from typing import Any

from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import tokens
from pronghorn.manage.services.tokens import CreatedToken, NewToken, Token

_TAGS = ["tokens"]


@post("/tokens", operation_id="createToken", summary="Make an admin token; it is shown this once", tags=_TAGS)
async def create(
    context: Context, act: Actor, request: Request[Any, Any, Any], data: JSONBody[NewToken]
) -> CreatedToken:
    async with context.change() as tx:
        user_id = data.user_id or request.scope["user"]
        return await tokens.create(tx, act, context.secrets, user_id, data.name)


@get("/tokens", operation_id="listTokens", summary="List admin tokens", tags=_TAGS)
async def list_(context: Context, part: Part, user_id: FromQuery[str | None] = None) -> Page[Token]:
    async with context.read() as tx:
        return await tokens.page(tx, part, user_id)


@delete("/tokens/{token_id:str}", operation_id="deleteToken", summary="Revoke an admin token", tags=_TAGS)
async def remove(context: Context, act: Actor, token_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await tokens.remove(tx, act, token_id)


handlers = [create, list_, remove]
