"""`pronghorn subscription`: which account has which plan."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import subscriptions
from pronghorn.manage.services.subscriptions import NewSubscription, Status, Subscription

app = group("Subscriptions: which account has which plan.")


@command(app, "create")
async def create(
    on: Installation,
    account_id: str,
    plan: str,
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Asia/Shanghai.")] = "UTC",
) -> Subscription:
    """Subscribe an account: its first period begins now."""
    new = given.new(NewSubscription, account_id=account_id, plan=plan, time_zone=time_zone)
    async with on.change() as tx:
        return await subscriptions.create(tx, on.act, new)


@command(
    app,
    "list",
    "id",
    "account_id",
    "plan",
    "status",
    "period_start",
    "period_end",
    "allowance_usd",
    "left_usd",
)
async def list_(
    on: Installation,
    part: Window,
    account_id: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
    plan: Annotated[str | None, typer.Option(help="Of this plan only.")] = None,
    status: Annotated[Status | None, typer.Option(help="In this status only.")] = None,
) -> Page[Subscription]:
    """List subscriptions, newest first."""
    async with on.read() as tx:
        return await subscriptions.page(tx, part, account_id, plan, status)


@command(app, "show")
async def show(on: Installation, subscription_id: str) -> Subscription:
    """Show a subscription, and what is left of its allowance."""
    async with on.read() as tx:
        return await subscriptions.get(tx, subscription_id)


@command(app, "cancel")
async def cancel(
    on: Installation,
    subscription_id: str,
    now: Annotated[
        bool, typer.Option("--now", help="What is left of the allowance goes back at once.")
    ] = False,
) -> Subscription:
    """Cancel a subscription at the end of its period."""
    async with on.change() as tx:
        return await subscriptions.cancel(tx, on.act, subscription_id, "now" if now else "period_end")
