"""`pronghorn token`: what scripts show to the management API."""

from typing import Annotated

import typer

from pronghorn.cli import given, user
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import tokens
from pronghorn.manage.services.tokens import CreatedToken, NewToken, Token

app = group("Admin tokens for the management API.")


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    email: Annotated[str, typer.Option(help="The admin whom it stands for.")] = "admin@localhost",
) -> CreatedToken:
    """Make an admin token. It is shown this once."""
    try:
        user_id = await user.find(on, email)
    except BadRequest as error:
        raise BadRequest(f"{error.message}, --email says which") from error
    new = given.new(NewToken, name=name, user_id=user_id)
    async with on.change() as tx:
        return await tokens.create(tx, on.act, on.secrets, user_id, new.name)


@command(app, "list", "id", "name", "hint", "user_id", "created_at")
async def list_(
    on: Installation,
    part: Window,
    email: Annotated[str | None, typer.Option(help="Of this admin only.")] = None,
) -> Page[Token]:
    """List admin tokens, newest first."""
    user_id = None if email is None else await user.find(on, email)
    async with on.read() as tx:
        return await tokens.page(tx, part, user_id)


@command(app, "revoke")
async def revoke(on: Installation, token_id: str) -> None:
    """Revoke an admin token."""
    async with on.change() as tx:
        await tokens.remove(tx, on.act, token_id)
