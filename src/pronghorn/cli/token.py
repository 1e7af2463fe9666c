"""`pronghorn token`: what scripts show to the management API."""

from typing import Annotated

import typer

from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import tokens, users
from pronghorn.manage.services.tokens import CreatedToken, Token

app = group("Admin tokens for the management API.")


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    email: Annotated[str, typer.Option(help="The admin whom it stands for.")] = "admin@localhost",
) -> CreatedToken:
    """Make an admin token. It is shown this once."""
    async with on.change() as tx:
        found = (await users.page(tx, window(), email)).items
        if not found:
            raise BadRequest(
                f"there is no user {email!r}; `pronghorn user list` lists them, --email says which"
            )
        return await tokens.create(tx, on.act, on.secrets, found[0].id, name)


@command(app, "list", "id", "name", "hint", "user_id", "created_at")
async def list_(on: Installation, limit: Limit = 50) -> Page[Token]:
    """List admin tokens, newest first."""
    async with on.read() as tx:
        return await tokens.page(tx, window(limit=limit))


@command(app, "revoke")
async def revoke(on: Installation, token_id: str) -> None:
    """Revoke an admin token."""
    async with on.change() as tx:
        await tokens.remove(tx, on.act, token_id)
