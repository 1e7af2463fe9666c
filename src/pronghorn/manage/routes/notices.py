"""Notices of a low balance and of tasks, and what became of each."""

from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import deliveries, notices
from pronghorn.manage.services.deliveries import Delivery, Status
from pronghorn.manage.services.notices import NewNotice, Notice

_TAGS = ["notices"]


@put(
    "/accounts/{account_id:str}/notices",
    operation_id="putNotice",
    summary="Say who is told of a low balance and of tasks",
    tags=_TAGS,
)
async def set_(context: Context, act: Actor, account_id: FromPath[str], data: JSONBody[NewNotice]) -> Notice:
    async with context.change() as tx:
        return await notices.put(tx, act, context.secrets, context.settings.fetch_allow, account_id, data)


@get(
    "/accounts/{account_id:str}/notices",
    operation_id="getNotice",
    summary="Show who is told of a low balance and of tasks",
    tags=_TAGS,
)
async def show(context: Context, account_id: FromPath[str]) -> Notice:
    async with context.read() as tx:
        return await notices.get(tx, account_id)


@delete(
    "/accounts/{account_id:str}/notices",
    operation_id="deleteNotice",
    summary="Tell nobody of a low balance and of tasks any more",
    tags=_TAGS,
)
async def remove(context: Context, act: Actor, account_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await notices.remove(tx, act, account_id)


@get("/deliveries", operation_id="listDeliveries", summary="List what was told", tags=_TAGS)
async def list_deliveries(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
    subject: FromQuery[str | None] = None,
) -> Page[Delivery]:
    async with context.read() as tx:
        return await deliveries.page(tx, part, account_id, status, subject)


@get(
    "/deliveries/{delivery_id:str}",
    operation_id="getDelivery",
    summary="Show one thing that was told",
    tags=_TAGS,
)
async def show_delivery(context: Context, delivery_id: FromPath[str]) -> Delivery:
    async with context.read() as tx:
        return await deliveries.get(tx, delivery_id)


@post(
    "/deliveries/{delivery_id:str}/replay",
    operation_id="replayDelivery",
    summary="Tell it again",
    tags=_TAGS,
    status_code=200,
)
async def replay(context: Context, act: Actor, delivery_id: FromPath[str]) -> Delivery:
    async with context.change() as tx:
        return await deliveries.replay(tx, act, delivery_id)


handlers = [set_, show, remove, list_deliveries, show_delivery, replay]
