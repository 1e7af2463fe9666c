"""`pronghorn user`: who logs in. Passwords come from standard input: other users can read a command line."""

from typing import Annotated

import typer

from pronghorn.accounts.passwords import NO_PASSWORD, hash_password
from pronghorn.cli import given
from pronghorn.cli.command import Disabled, command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, Window, window
from pronghorn.manage.services import users
from pronghorn.manage.services.users import NewUser, Role, User, UserChange

app = group("Users: who logs in.")

EmailOrId = Annotated[str, typer.Argument(metavar="EMAIL_OR_ID")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


async def find(on: Installation, email_or_id: str) -> str:
    """The id. Raises `BadRequest` for an email that no user has."""
    if "@" not in email_or_id:
        return email_or_id
    async with on.read() as tx:
        found = (await users.page(tx, window(), email_or_id)).items
    if not found:
        raise BadRequest(f"there is no user {email_or_id!r}; `pronghorn user list` lists them")
    return found[0].id


@command(app, "create")
async def create(
    on: Installation,
    email: str,
    name: str = "",
    admin: Annotated[bool, typer.Option("--admin", help="May do everything.")] = False,
    password_stdin: FromStdin = False,
) -> User:
    """Add a user."""
    password = given.from_stdin(is_line=True) if password_stdin else None
    role = "admin" if admin else "user"
    new = given.new(NewUser, email=email, name=name, role=role, password=password)
    password_hash = hash_password(password) if password else NO_PASSWORD
    async with on.change() as tx:
        return await users.create(tx, on.act, new, password_hash)


@command(app, "list", "id", "email", "name", "role", "has_password", "disabled")
async def list_(
    on: Installation,
    part: Window,
    email: Annotated[str | None, typer.Option(help="The one with this email.")] = None,
) -> Page[User]:
    """List users, newest first."""
    async with on.read() as tx:
        return await users.page(tx, part, email)


@command(app, "show")
async def show(on: Installation, user: EmailOrId) -> User:
    """Show a user."""
    user_id = await find(on, user)
    async with on.read() as tx:
        return await users.get(tx, user_id)


@command(app, "change")
async def change(
    on: Installation,
    user: EmailOrId,
    email: str | None = None,
    name: str | None = None,
    role: Role | None = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Cannot log in until `password` sets one.")
    ] = False,
    disabled: Disabled = None,
) -> User:
    """Change a user."""
    password = given.CLEAR if no_password else None
    patch = given.change(UserChange, email=email, name=name, role=role, password=password, disabled=disabled)
    return await _change(on, user, patch)


@command(app, "password")
async def password(on: Installation, user: EmailOrId) -> User:
    """Set a user's password, read from standard input."""
    text = given.from_stdin(is_line=True)
    return await _change(on, user, given.new(UserChange, password=text), hash_password(text))


async def _change(on: Installation, user: str, patch: UserChange, password_hash: str = NO_PASSWORD) -> User:
    user_id = await find(on, user)
    async with on.change() as tx:
        return await users.change(tx, on.act, user_id, patch, password_hash)


@command(app, "delete")
async def delete(on: Installation, user: EmailOrId) -> None:
    """Remove a user, with its tokens and memberships."""
    user_id = await find(on, user)
    async with on.change() as tx:
        await users.remove(tx, on.act, user_id)
