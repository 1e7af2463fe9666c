"""`pronghorn notice`: who is told of a low balance and of tasks, and what became of each notice."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import deliveries, notices
from pronghorn.manage.services.deliveries import Delivery, Status
from pronghorn.manage.services.notices import Language, NewNotice, Notice

app = group("Notices of a low balance and of tasks, by e-mail, webhook and callback.")


@command(app, "set")
async def set_(
    on: Installation,
    account_id: str,
    threshold_usd: Annotated[
        str | None, typer.Argument(help="Told once the balance is under it, such as 5.00.")
    ] = None,
    email: Annotated[list[str] | None, typer.Option(help="Who gets a letter; may be repeated.")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="What is asked with POST.")] = None,
    webhook_secret_stdin: Annotated[
        bool, typer.Option("--webhook-secret-stdin", help="Read whsec_... from standard input.")
    ] = False,
    event: Annotated[
        list[str] | None,
        typer.Option(help="What the webhook is told, such as task.*; may be repeated."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Of the letters: en or zh.")] = "en",
) -> Notice:
    """Say who is told of a low balance and of tasks. The webhook's secret is shown once, when it is made."""
    new = given.new(
        NewNotice,
        threshold_usd=threshold_usd,
        emails=email,
        webhook_url=webhook_url,
        webhook_secret=given.from_stdin(is_line=True) if webhook_secret_stdin else None,
        events=event,
        language=language,
    )
    async with on.change() as tx:
        return await notices.put(tx, on.act, on.secrets, on.settings.fetch_allow, account_id, new)


@command(app, "show")
async def show(on: Installation, account_id: str) -> Notice:
    """Show who is told of an account's low balance and of its tasks."""
    async with on.read() as tx:
        return await notices.get(tx, account_id)


@command(app, "delete")
async def delete(on: Installation, account_id: str) -> None:
    """Tell nobody any more."""
    async with on.change() as tx:
        await notices.remove(tx, on.act, account_id)


@command(
    app,
    "deliveries",
    *("id", "created_at", "account_id", "kind", "way", "target", "subject", "status", "attempts", "error"),
)
async def deliveries_(
    on: Installation,
    part: Window,
    account_id: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
    status: Annotated[Status | None, typer.Option(help="In this status only.")] = None,
    subject: Annotated[str | None, typer.Option(help="Of this task only.")] = None,
) -> Page[Delivery]:
    """List what was told, newest first."""
    async with on.read() as tx:
        return await deliveries.page(tx, part, account_id, status, subject)


@command(app, "delivery")
async def delivery(on: Installation, delivery_id: str) -> Delivery:
    """Show one thing that was told."""
    async with on.read() as tx:
        return await deliveries.get(tx, delivery_id)


@command(app, "replay")
async def replay(on: Installation, delivery_id: str) -> Delivery:
    """Tell it again: with the next job of the worker."""
    async with on.change() as tx:
        return await deliveries.replay(tx, on.act, delivery_id)
