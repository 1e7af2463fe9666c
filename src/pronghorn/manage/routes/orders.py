"""Orders: top-ups and plans that are paid at payment providers."""

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.commerce.orders import place
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import orders
from pronghorn.manage.services.orders import NewOrder, Order, Status
from pronghorn.store.failures import translated

_TAGS = ["orders"]


@post("/orders", operation_id="createOrder", summary="Place an order that is paid at a provider", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewOrder]) -> Order:
    with translated():
        placed = await place(context.database, context.settings, act, data.wanted)
    async with context.read() as tx:
        return await orders.get(tx, placed.id)


@get("/orders", operation_id="listOrders", summary="List orders", tags=_TAGS)
async def list_(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
) -> Page[Order]:
    async with context.read() as tx:
        return await orders.page(tx, part, account_id, status)


@get("/orders/{order_id:str}", operation_id="getOrder", summary="Show an order", tags=_TAGS)
async def show(context: Context, order_id: FromPath[str]) -> Order:
    async with context.read() as tx:
        return await orders.get(tx, order_id)


handlers = [create, list_, show]
