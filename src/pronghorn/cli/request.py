"""`pronghorn request`: the usage log."""

from typing import Annotated

import typer

from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import requests
from pronghorn.manage.services.requests import RequestRecord

app = group("The usage log.")

Only = Annotated[str | None, typer.Option(help="Exactly this one only.")]


@command(app, "list", "created_at", "id", "model", "status", "end_reason", "usage", "cost_usd", "duration_ms")
async def list_(
    on: Installation,
    part: Window,
    account_id: Only = None,
    key_id: Only = None,
    model: Only = None,
    channel: Only = None,
    end_reason: Only = None,
    mode: Annotated[Mode | None, typer.Option(help="Live or test money.")] = None,
) -> Page[RequestRecord]:
    """List requests that have ended, newest first."""
    filters = {
        "account_id": account_id,
        "key_id": key_id,
        "model": model,
        "channel": channel,
        "end_reason": end_reason,
        "mode": mode,
    }
    async with on.read() as tx:
        return await requests.page(tx, part, filters)


@command(app, "show")
async def show(on: Installation, request_id: str) -> RequestRecord:
    """Show one request: its attempts and how its cost came about."""
    async with on.read() as tx:
        return await requests.get(tx, request_id)
