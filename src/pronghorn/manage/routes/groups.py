"""Groups."""

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import groups
from pronghorn.manage.services.groups import Group, GroupChange, NewGroup

_TAGS = ["groups"]


@post("/groups", operation_id="createGroup", summary="Make a group", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewGroup]) -> Group:
    async with context.change() as tx:
        return await groups.create(tx, act, data)


@get("/groups", operation_id="listGroups", summary="List groups", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[Group]:
    async with context.read() as tx:
        return await groups.page(tx, part)


@get("/groups/{name:str}", operation_id="getGroup", summary="Show a group", tags=_TAGS)
async def show(context: Context, name: FromPath[str]) -> Group:
    async with context.read() as tx:
        return await groups.get(tx, name)


@patch("/groups/{name:str}", operation_id="changeGroup", summary="Change a group", tags=_TAGS)
async def change(context: Context, act: Actor, name: FromPath[str], data: JSONBody[GroupChange]) -> Group:
    async with context.change() as tx:
        return await groups.change(tx, act, name, data)


@delete("/groups/{name:str}", operation_id="deleteGroup", summary="Remove an unused group", tags=_TAGS)
async def remove(context: Context, act: Actor, name: FromPath[str]) -> None:
    async with context.change() as tx:
        await groups.remove(tx, act, name)


handlers = [create, list_, show, change, remove]
