"""`pronghorn audit`: who changed what."""

from typing import Annotated

import typer

from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import audits
from pronghorn.manage.services.audits import AuditRecord

app = group("Who changed what.")


@command(app, "list", "id", "created_at", "actor", "action", "subject", "detail")
async def list_(
    on: Installation,
    part: Window,
    actor: Annotated[str | None, typer.Option(help="user:ID, cli or system.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as key.change.")] = None,
    subject: Annotated[str | None, typer.Option(help="The id or name of what was changed.")] = None,
) -> Page[AuditRecord]:
    """List changes, newest first."""
    async with on.read() as tx:
        return await audits.page(tx, part, actor, action, subject)
