"""`pronghorn budget`: what keys, accounts and groups may spend."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.ledger.budgets import Period, Scope
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import budgets
from pronghorn.manage.services.budgets import Budget, BudgetChange, NewBudget

app = group("Budgets: what keys, accounts and groups may spend in each period.")


@command(app, "create")
async def create(
    on: Installation,
    scope: Scope,
    subject: Annotated[str, typer.Argument(help="The key's or account's id, the group's name.")],
    amount_usd: Annotated[str, typer.Argument(help="For each period, such as 20.00.")],
    period: Annotated[Period, typer.Option(help="How often it begins anew.")],
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Asia/Shanghai.")] = "UTC",
    test: Annotated[bool, typer.Option("--test", help="Of test money.")] = False,
) -> Budget:
    """Set a budget; `total` never begins anew."""
    new = given.new(
        NewBudget,
        scope=scope,
        subject=subject,
        amount_usd=amount_usd,
        period=period,
        time_zone=time_zone,
        mode="test" if test else "live",
    )
    async with on.change() as tx:
        budget_id = await budgets.create(tx, on.act, new)
    return await _one(on, budget_id)


@command(
    app,
    "list",
    "id",
    "scope",
    "subject",
    "period",
    "amount_usd",
    "spent_usd",
    "held_usd",
    "left_usd",
    "resets_at",
)
async def list_(
    on: Installation,
    part: Window,
    scope: Annotated[Scope | None, typer.Option(help="Of this scope only.")] = None,
    subject: Annotated[str | None, typer.Option(help="Of this key, account or group only.")] = None,
) -> Page[Budget]:
    """List budgets, newest first."""
    async with on.read() as tx:
        page = await budgets.page(tx, part, scope, subject)
    return Page(await _views(on, page.items), page.next)


@command(app, "show")
async def show(on: Installation, budget_id: str) -> Budget:
    """Show a budget, and what is left of it in the period that is on."""
    return await _one(on, budget_id)


@command(app, "change")
async def change(on: Installation, budget_id: str, amount_usd: str | None = None) -> Budget:
    """Change the amount, also of the period that is on."""
    patch = given.change(BudgetChange, amount_usd=amount_usd)
    async with on.change() as tx:
        await budgets.change(tx, on.act, budget_id, patch)
    return await _one(on, budget_id)


@command(app, "delete")
async def delete(on: Installation, budget_id: str) -> None:
    """Remove a budget: nothing is limited by it any more."""
    async with on.change() as tx:
        await budgets.remove(tx, on.act, budget_id)


async def _one(on: Installation, budget_id: str) -> Budget:
    async with on.read() as tx:
        row = await budgets.get(tx, budget_id)
    return (await _views(on, [row]))[0]


async def _views(on: Installation, rows: Sequence[Any]) -> list[Budget]:
    return [await budgets.view(on.credit, row, on.act.now_ms / 1000) for row in rows]
