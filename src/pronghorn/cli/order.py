"""`pronghorn order`: top-ups and plans that are paid at a payment provider."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.commerce.orders import place
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import orders
from pronghorn.manage.services.orders import NewOrder, Order, Status
from pronghorn.store.failures import translated

app = group("Orders: top-ups and plans that are paid at a payment provider.")


@command(app, "create")
async def create(
    on: Installation,
    account_id: str,
    provider: Annotated[str, typer.Option(help="stripe or epay.")],
    amount_usd: Annotated[
        str | None, typer.Argument(help="A top-up: what the wallet gets, such as 20.00.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="In place of an amount: the plan to buy.")] = None,
    currency: Annotated[str | None, typer.Option(help="What it is paid in; one of top_up_rates.")] = None,
    method: Annotated[str | None, typer.Option(help="For Epay: alipay, wxpay...")] = None,
) -> Order:
    """Place an order; send its pay_url to whoever pays."""
    new = given.new(
        NewOrder,
        account_id=account_id,
        amount_usd=amount_usd,
        plan=plan,
        provider=provider,
        currency=currency,
        method=method,
    )
    with translated():
        placed = await place(on.database, on.settings, on.act, new.wanted)
    return await _one(on, placed.id)


@command(
    app,
    "list",
    "id",
    "created_at",
    "account_id",
    "provider",
    "plan",
    "amount_usd",
    "price",
    "currency",
    "status",
)
async def list_(
    on: Installation,
    part: Window,
    account_id: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
    status: Annotated[Status | None, typer.Option(help="In this status only.")] = None,
) -> Page[Order]:
    """List orders, newest first."""
    async with on.read() as tx:
        return await orders.page(tx, part, account_id, status)


@command(app, "show")
async def show(on: Installation, order_id: str) -> Order:
    """Show an order, and where it is paid."""
    return await _one(on, order_id)


async def _one(on: Installation, order_id: str) -> Order:
    async with on.read() as tx:
        return await orders.get(tx, order_id)
