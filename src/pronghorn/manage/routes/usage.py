"""Usage reports."""

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter

from pronghorn.commerce import timespan
from pronghorn.commerce.timespan import By
from pronghorn.commerce.usage import Filter, Split
from pronghorn.manage.fields import Mode
from pronghorn.manage.routes.given import Context
from pronghorn.manage.services import usage
from pronghorn.manage.services.usage import UsageReport

From = Annotated[
    str | None,
    QueryParameter(name="from", description="A day, or a time in ISO 8601, from which on to look."),
]
To = Annotated[str | None, QueryParameter(description="A day, or a time in ISO 8601, before which to look.")]
TimeZone = Annotated[str, QueryParameter(description="A name of the IANA database, such as Asia/Shanghai.")]


@get("/usage", operation_id="getUsage", summary="Report usage by hour or day", tags=["usage"])
async def show(
    context: Context,
    from_: From = None,
    to: To = None,
    by: FromQuery[By] = "day",
    group_by: FromQuery[Split] = "none",
    account_id: FromQuery[str | None] = None,
    key_id: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
    mode: FromQuery[Mode] = "live",
    time_zone: TimeZone = "UTC",
) -> UsageReport:
    asked = timespan.asked(from_, to, by, time_zone, context.now_ms)
    only = Filter(mode, account_id, key_id, model)
    async with context.read() as tx:
        return await usage.report(tx, asked, by, group_by, only)


handlers = [show]
