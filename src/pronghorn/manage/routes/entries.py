"""The ledger."""

from litestar import get
from litestar.params import FromQuery

from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Context, Part
from pronghorn.manage.services import entries
from pronghorn.manage.services.entries import Entry


@get("/entries", operation_id="listEntries", summary="List ledger entries", tags=["entries"])
async def list_(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    kind: FromQuery[str | None] = None,
    mode: FromQuery[Mode] = "live",
) -> Page[Entry]:
    async with context.read() as tx:
        return await entries.page(tx, part, account_id, mode, kind)


handlers = [list_]
