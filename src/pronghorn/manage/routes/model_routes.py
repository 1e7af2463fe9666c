"""Routes of models: a name in a path may hold `/` and `*`."""

from litestar import delete, get, put
from litestar.params import JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part, PathName, name_of
from pronghorn.manage.services import routes
from pronghorn.manage.services.routes import NewRoute, Route

_TAGS = ["routes"]


@get("/routes", operation_id="listRoutes", summary="List routes", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[Route]:
    async with context.read() as tx:
        return await routes.page(tx, part)


@get("/routes/{name:path}", operation_id="getRoute", summary="Show a route", tags=_TAGS)
async def show(context: Context, name: PathName) -> Route:
    async with context.read() as tx:
        return await routes.get(tx, name_of(name))


@put("/routes/{name:path}", operation_id="putRoute", summary="Make or replace a route", tags=_TAGS)
async def put_route(context: Context, act: Actor, name: PathName, data: JSONBody[NewRoute]) -> Route:
    async with context.change() as tx:
        return await routes.put(tx, act, name_of(name), data)


@delete("/routes/{name:path}", operation_id="deleteRoute", summary="Remove a route", tags=_TAGS)
async def remove(context: Context, act: Actor, name: PathName) -> None:
    async with context.change() as tx:
        await routes.remove(tx, act, name_of(name))


handlers = [list_, show, put_route, remove]
