"""`pronghorn group`: price factors, and who may use which channels."""

from typing import Annotated

import typer

from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import groups
from pronghorn.manage.services.groups import Group, NewGroup

app = group("Groups: price factors, and who may use which channels.")


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    factor: Annotated[str, typer.Option(help="Prices are multiplied by it.")] = "1",
    description: str = "",
) -> Group:
    """Make a group."""
    async with on.change() as tx:
        return await groups.create(tx, on.act, NewGroup(name=name, factor=factor, description=description))


@command(app, "list", "name", "factor", "description", "created_at")
async def list_(on: Installation, limit: Limit = 50) -> Page[Group]:
    """List groups, newest first."""
    async with on.read() as tx:
        return await groups.page(tx, window(limit=limit))


@command(app, "show")
async def show(on: Installation, name: str) -> Group:
    """Show a group."""
    async with on.read() as tx:
        return await groups.get(tx, name)


@command(app, "delete")
async def delete(on: Installation, name: str) -> None:
    """Remove a group that nothing uses."""
    async with on.change() as tx:
        await groups.remove(tx, on.act, name)
