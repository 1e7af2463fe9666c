"""`pronghorn group`: price factors, and who may use which channels."""

from typing import Annotated

import typer

from pronghorn.cli import given, limits
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import groups
from pronghorn.manage.services.groups import Group, GroupChange, NewGroup

app = group("Groups: price factors, and who may use which channels.")


AccountFactors = Annotated[
    list[str] | None,
    typer.Option(
        "--account-factor",
        help="GROUP=FACTOR: what accounts of that group pay here; may be repeated, replaces all. `none`: no such.",
    ),
]


def _factors(texts: list[str] | None) -> dict[str, str] | None:
    """None: nothing was typed."""
    if texts is None or texts == [given.CLEAR]:
        return None if texts is None else {}
    pairs = [text.rpartition("=") for text in texts]
    if not all(name for name, _, _ in pairs):
        raise BadRequest("--account-factor must look like GROUP=FACTOR", param="account_factors")
    return {name: factor for name, _, factor in pairs}


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    factor: Annotated[str, typer.Option(help="Prices are multiplied by it.")] = "1",
    account_factors: AccountFactors = None,
    description: str = "",
    rpm: limits.Rpm = None,
    tpm: limits.Tpm = None,
    concurrency: limits.Concurrency = None,
    body_bytes: limits.BodyBytes = None,
) -> Group:
    """Make a group."""
    new = given.new(
        NewGroup,
        name=name,
        factor=factor,
        account_factors=_factors(account_factors),
        description=description,
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        body_bytes=body_bytes,
    )
    async with on.change() as tx:
        return await groups.create(tx, on.act, new)


@command(app, "list", "name", "factor", "description", "created_at")
async def list_(on: Installation, part: Window) -> Page[Group]:
    """List groups, newest first."""
    async with on.read() as tx:
        return await groups.page(tx, part)


@command(app, "show")
async def show(on: Installation, name: str) -> Group:
    """Show a group."""
    async with on.read() as tx:
        return await groups.get(tx, name)


@command(app, "change")
async def change(
    on: Installation,
    name: str,
    factor: Annotated[str | None, typer.Option(help="Prices are multiplied by it.")] = None,
    account_factors: AccountFactors = None,
    description: str | None = None,
) -> Group:
    """Change a group; `limit` changes its limits."""
    patch = given.change(
        GroupChange, factor=factor, account_factors=_factors(account_factors), description=description
    )
    async with on.change() as tx:
        return await groups.change(tx, on.act, name, patch)


@command(app, "limit")
async def limit(
    on: Installation,
    name: str,
    rpm: limits.NewRpm = None,
    tpm: limits.NewTpm = None,
    concurrency: limits.NewConcurrency = None,
    body_bytes: limits.NewBodyBytes = None,
) -> Group:
    """Change limits of a group: all its accounts and keys together."""
    patch = given.change(GroupChange, rpm=rpm, tpm=tpm, concurrency=concurrency, body_bytes=body_bytes)
    async with on.change() as tx:
        return await groups.change(tx, on.act, name, patch)


@command(app, "delete")
async def delete(on: Installation, name: str) -> None:
    """Remove a group that nothing uses."""
    async with on.change() as tx:
        await groups.remove(tx, on.act, name)
