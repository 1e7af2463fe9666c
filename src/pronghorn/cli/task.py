"""`pronghorn task`: long jobs at media vendors."""

from typing import Annotated

import msgspec
import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.cli.server import reached
from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import tasks
from pronghorn.manage.services.tasks import Refund, Status, TaskDetail, TaskRecord

app = group("Tasks: long jobs at media vendors.")

Only = Annotated[str | None, typer.Option(help="Exactly this one only.")]


@command(
    app,
    "list",
    "created_at",
    "id",
    "account_id",
    "vendor",
    "action",
    "status",
    "progress",
    "channel",
    "cost_usd",
    "refunded_usd",
)
async def list_(
    on: Installation,
    part: Window,
    account_id: Only = None,
    key_id: Only = None,
    vendor: Only = None,
    action: Only = None,
    status: Annotated[Status | None, typer.Option(help="In this status only.")] = None,
    channel: Only = None,
    parent_id: Annotated[str | None, typer.Option(help="What goes on from this task only.")] = None,
    mode: Annotated[Mode | None, typer.Option(help="Live or test money.")] = None,
) -> Page[TaskRecord]:
    """List tasks, newest first."""
    filters: dict[str, str | None] = {
        "account_id": account_id,
        "key_id": key_id,
        "vendor": vendor,
        "action": action,
        "status": status,
        "channel": channel,
        "parent_id": parent_id,
        "mode": mode,
    }
    async with on.read() as tx:
        return await tasks.page(tx, part, filters)


@command(app, "show")
async def show(on: Installation, task_id: str) -> TaskDetail:
    """Show a task: who was asked, and how its cost came about."""
    async with on.read() as tx:
        return await tasks.get(tx, task_id)


@command(app, "cancel")
async def cancel(on: Installation, task_id: str) -> TaskDetail:
    """Let the running server stop a task at its vendor. One that has ended stays as it is."""
    async with on.read() as tx:
        await tasks.get(tx, task_id)  # so that a word that names none never becomes part of an address
    async with reached(on) as server:
        return msgspec.convert(await server.call("POST", f"/manage/v1/tasks/{task_id}/cancel"), TaskDetail)


@command(app, "refund")
async def refund(
    on: Installation,
    task_id: str,
    note: Annotated[str | None, typer.Option(help="Why; for the ledger and the audit.")] = None,
) -> TaskDetail:
    """Give back what an ended task cost, once."""
    wanted = given.new(Refund, note=note)
    async with on.change() as tx:
        return await tasks.refund(tx, on.act, task_id, wanted)
