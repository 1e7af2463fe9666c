"""Audits: who changed what, newest first."""

from typing import Any

from msgspec import Struct
from sqlalchemy import select

from pronghorn.manage import fields
from pronghorn.manage.fields import Time
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table


class AuditRecord(Struct):
    id: int
    created_at: Time
    actor: str
    """`user:<id>`, `cli` or `system`."""
    action: str
    subject: str
    detail: dict[str, Any]


def view(row: Any) -> AuditRecord:
    return AuditRecord(
        row.id, fields.time_text(row.created_ms), row.actor, row.action, row.subject, row.detail
    )


async def page(
    tx: Tx, part: Window, actor: str | None = None, action: str | None = None, subject: str | None = None
) -> Page[AuditRecord]:
    wanted = (table.Audit.actor, actor), (table.Audit.action, action), (table.Audit.subject, subject)
    statement = matching(select(table.Audit), *wanted)
    return await fetch(tx, statement, table.Audit.created_ms, table.Audit.id, part, view)
