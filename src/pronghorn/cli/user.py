"""`pronghorn user`: who logs in. Passwords come from standard input: other users can read a command line."""

import sys
from typing import Annotated

import msgspec
import typer

from pronghorn.accounts.passwords import NO_PASSWORD, hash_password
from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import users
from pronghorn.manage.services.users import NewUser, Password, User, UserChange

app = group("Users: who logs in.")

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def _password_hash() -> str:
    password = sys.stdin.readline().rstrip("\n")
    try:
        msgspec.convert(password, Password)
    except msgspec.ValidationError as error:
        raise BadRequest("the password must have 10 to 200 characters", param="password") from error
    return hash_password(password)


@command(app, "create")
async def create(
    on: Installation,
    email: str,
    name: str = "",
    admin: Annotated[bool, typer.Option("--admin", help="May do everything.")] = False,
    password_stdin: FromStdin = False,
) -> User:
    """Add a user."""
    password_hash = _password_hash() if password_stdin else NO_PASSWORD
    new = NewUser(email=email, name=name, role="admin" if admin else "user")
    async with on.change() as tx:
        return await users.create(tx, on.act, new, password_hash)


@command(app, "list", "id", "email", "name", "role", "has_password", "disabled")
async def list_(on: Installation, limit: Limit = 50) -> Page[User]:
    """List users, newest first."""
    async with on.read() as tx:
        return await users.page(tx, window(limit=limit))


@command(app, "show")
async def show(on: Installation, user_id: str) -> User:
    """Show a user."""
    async with on.read() as tx:
        return await users.get(tx, user_id)


@command(app, "password")
async def password(on: Installation, email: str) -> User:
    """Set a user's password, read from standard input."""
    async with on.read() as tx:
        found = (await users.page(tx, window(), email)).items
    if not found:
        raise BadRequest(f"there is no user {email!r}; `pronghorn user list` lists them")
    password_hash = _password_hash()
    async with on.change() as tx:
        return await users.change(tx, on.act, found[0].id, UserChange(password=None), password_hash)


@command(app, "delete")
async def delete(on: Installation, user_id: str) -> None:
    """Remove a user, with its tokens and memberships."""
    async with on.change() as tx:
        await users.remove(tx, on.act, user_id)
