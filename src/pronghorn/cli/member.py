"""`pronghorn member`: what users may do in an account."""

from typing import Annotated

import typer

from pronghorn.cli import given, user
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.cli.user import EmailOrId
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import memberships
from pronghorn.manage.services.memberships import Member, MemberRole, NewMember

app = group("Members: what users may do in an account.")


@command(app, "add")
async def add(
    on: Installation,
    account_id: str,
    email: EmailOrId,
    role: Annotated[MemberRole, typer.Option(help="What the user may do there.")] = "member",
) -> Member:
    """Add a user to an account, or change its role there."""
    new = given.new(NewMember, user_id=await user.find(on, email), role=role)
    async with on.change() as tx:
        return await memberships.put(tx, on.act, account_id, new)


@command(app, "list", "user_id", "email", "role", "created_at")
async def list_(on: Installation, account_id: str, part: Window) -> Page[Member]:
    """List the members of an account, newest first."""
    async with on.read() as tx:
        return await memberships.page(tx, account_id, part)


@command(app, "remove")
async def remove(on: Installation, account_id: str, email: EmailOrId) -> None:
    """Remove a user from an account; the user itself stays."""
    user_id = await user.find(on, email)
    async with on.change() as tx:
        await memberships.remove(tx, on.act, account_id, user_id)
