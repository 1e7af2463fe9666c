"""The ledger, recounted."""

from litestar import get

from pronghorn.manage.routes.given import Context
from pronghorn.manage.services import ledger
from pronghorn.manage.services.ledger import AuditReport


@get("/ledger/audit", operation_id="auditLedger", summary="Recount the ledger", tags=["ledger"])
async def audit(context: Context) -> AuditReport:
    """Everything is counted again from the entries and the usage log; each difference is named."""
    async with context.read() as tx:
        return await ledger.report(tx)


handlers = [audit]
