"""`pronghorn plan`: what an account may spend in each period."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.commerce.periods import Period
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import plans
from pronghorn.manage.services.plans import NewPlan, Plan, PlanChange

app = group("Plans: what an account may spend in each period.")

Allowance = Annotated[str | None, typer.Option(help="For each period; what is left at its end goes back.")]
Price = Annotated[str | None, typer.Option(help="What a period costs who buys it; 0: nobody can.")]


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    allowance_usd: Annotated[str, typer.Argument(help="For each period, such as 50.00.")],
    period: Annotated[Period, typer.Option(help="month, week or day.")] = "month",
    price_usd: Price = None,
    description: str = "",
) -> Plan:
    """Make a plan."""
    new = given.new(
        NewPlan,
        name=name,
        allowance_usd=allowance_usd,
        period=period,
        price_usd=price_usd,
        description=description,
    )
    async with on.change() as tx:
        return await plans.create(tx, on.act, new)


@command(app, "list", "name", "allowance_usd", "period", "price_usd", "active", "description")
async def list_(on: Installation, part: Window) -> Page[Plan]:
    """List plans, newest first."""
    async with on.read() as tx:
        return await plans.page(tx, part)


@command(app, "show")
async def show(on: Installation, name: str) -> Plan:
    """Show a plan."""
    async with on.read() as tx:
        return await plans.get(tx, name)


@command(app, "change")
async def change(
    on: Installation,
    name: str,
    allowance_usd: Allowance = None,
    price_usd: Price = None,
    description: str | None = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether new subscriptions are taken.")
    ] = None,
) -> Plan:
    """Change a plan, from the next period of each subscription on."""
    patch = given.change(
        PlanChange, allowance_usd=allowance_usd, price_usd=price_usd, description=description, active=active
    )
    async with on.change() as tx:
        return await plans.change(tx, on.act, name, patch)


@command(app, "delete")
async def delete(on: Installation, name: str) -> None:
    """Remove a plan that nobody ever had."""
    async with on.change() as tx:
        await plans.remove(tx, on.act, name)
