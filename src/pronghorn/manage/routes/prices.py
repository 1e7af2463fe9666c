"""Prices of models, whose names may hold `/`, `:`, `@` and `.`, and the mark-up on list prices."""

from litestar import delete, get, patch, put
from litestar.params import JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part, PathName, name_of
from pronghorn.manage.services import markups, prices
from pronghorn.manage.services.markups import Markup, MarkupChange
from pronghorn.manage.services.prices import ModelPrice, NewPrice

_TAGS = ["prices"]


@get("/prices", operation_id="listPrices", summary="List prices", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[ModelPrice]:
    async with context.read() as tx:
        return await prices.page(tx, part)


@get("/prices/{model:path}", operation_id="getPrice", summary="Show the prices of a model", tags=_TAGS)
async def show(context: Context, model: PathName) -> ModelPrice:
    async with context.read() as tx:
        return await prices.get(tx, name_of(model))


@put("/prices/{model:path}", operation_id="putPrice", summary="Set the price of a model", tags=_TAGS)
async def put_price(context: Context, act: Actor, model: PathName, data: JSONBody[NewPrice]) -> ModelPrice:
    async with context.change() as tx:
        return await prices.put(tx, act, name_of(model), data)


@delete("/prices/{model:path}", operation_id="deletePrice", summary="Go back to the list price", tags=_TAGS)
async def remove(context: Context, act: Actor, model: PathName) -> None:
    async with context.change() as tx:
        await prices.remove(tx, act, name_of(model))


@get("/markup", operation_id="getMarkup", summary="Show the mark-up on list prices", tags=_TAGS)
async def show_markup(context: Context) -> Markup:
    async with context.read() as tx:
        return await markups.get(tx)


@patch("/markup", operation_id="changeMarkup", summary="Change the mark-up on list prices", tags=_TAGS)
async def change_markup(context: Context, act: Actor, data: JSONBody[MarkupChange]) -> Markup:
    async with context.change() as tx:
        return await markups.change(tx, act, data)


handlers = [list_, show, put_price, remove, show_markup, change_markup]
