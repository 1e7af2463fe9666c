"""Who changed what."""

from litestar import get
from litestar.params import FromQuery

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Context, Part
from pronghorn.manage.services import audits
from pronghorn.manage.services.audits import AuditRecord


@get("/audit", operation_id="listAudit", summary="List who changed what", tags=["audit"])
async def list_(
    context: Context,
    part: Part,
    actor: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    subject: FromQuery[str | None] = None,
) -> Page[AuditRecord]:
    async with context.read() as tx:
        return await audits.page(tx, part, actor, action, subject)


handlers = [list_]
