"""The usage log."""

from litestar import get
from litestar.params import FromPath, FromQuery

from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Context, Part
from pronghorn.manage.services import requests
from pronghorn.manage.services.requests import RequestRecord

_TAGS = ["requests"]


@get("/requests", operation_id="listRequests", summary="List requests that have ended", tags=_TAGS)
async def list_(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    key_id: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
    channel: FromQuery[str | None] = None,
    end_reason: FromQuery[str | None] = None,
    mode: FromQuery[Mode | None] = None,
) -> Page[RequestRecord]:
    filters = {
        "account_id": account_id,
        "key_id": key_id,
        "model": model,
        "channel": channel,
        "end_reason": end_reason,
        "mode": mode,
    }
    async with context.read() as tx:
        return await requests.page(tx, part, filters)


@get("/requests/{request_id:str}", operation_id="getRequest", summary="Show a request", tags=_TAGS)
async def show(context: Context, request_id: FromPath[str]) -> RequestRecord:
    async with context.read() as tx:
        return await requests.get(tx, request_id)


handlers = [list_, show]
