"""Keys."""

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import keys
from pronghorn.manage.services.keys import CreatedKey, Key, KeyChange, NewKey

_TAGS = ["keys"]


@post("/keys", operation_id="createKey", summary="Make a key; it is shown this once", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewKey]) -> CreatedKey:
    async with context.change() as tx:
        return await keys.create(tx, act, context.secrets, data)


@get("/keys", operation_id="listKeys", summary="List keys", tags=_TAGS)
async def list_(context: Context, part: Part, account_id: FromQuery[str | None] = None) -> Page[Key]:
    async with context.read() as tx:
        return await keys.page(tx, part, account_id)


@get("/keys/{key_id:str}", operation_id="getKey", summary="Show a key", tags=_TAGS)
async def show(context: Context, key_id: FromPath[str]) -> Key:
    async with context.read() as tx:
        return await keys.get(tx, key_id)


@patch("/keys/{key_id:str}", operation_id="changeKey", summary="Change a key", tags=_TAGS)
async def change(context: Context, act: Actor, key_id: FromPath[str], data: JSONBody[KeyChange]) -> Key:
    async with context.change() as tx:
        return await keys.change(tx, act, key_id, data)


@delete("/keys/{key_id:str}", operation_id="revokeKey", summary="Revoke a key for good", tags=_TAGS)
async def revoke(context: Context, act: Actor, key_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await keys.revoke(tx, act, key_id)


handlers = [create, list_, show, change, revoke]
