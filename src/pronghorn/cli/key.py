"""`pronghorn key`: what clients show to call models."""

from typing import Annotated

import typer

from pronghorn.cli import given, limits
from pronghorn.cli.command import Disabled, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import keys
from pronghorn.manage.services.keys import CreatedKey, Key, KeyChange, NewKey

app = group("Keys: what clients show to call models.")

Account = Annotated[
    str, typer.Option("--account", help="The account that pays; see `pronghorn account list`.")
]


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    account: Account,
    test: Annotated[bool, typer.Option("--test", help="A test key: reaches the sandbox.")] = False,
    model: Annotated[list[str] | None, typer.Option(help="May be repeated, may end in `*`.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="Address or network; may be repeated.")] = None,
    group: str | None = None,
    budget_usd: str | None = None,
    rpm: limits.Rpm = None,
    tpm: limits.Tpm = None,
    concurrency: limits.Concurrency = None,
    body_bytes: limits.BodyBytes = None,
    strict: Annotated[bool, typer.Option(help="Refuse what cannot be carried to a model.")] = False,
    expires_at: Annotated[str | None, typer.Option(help="ISO 8601.")] = None,
) -> CreatedKey:
    """Make a key. It is shown this once."""
    new = given.new(
        NewKey,
        account_id=account,
        name=name,
        mode="test" if test else "live",
        models=model,
        ips=ip,
        group=group,
        budget_usd=budget_usd,
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        body_bytes=body_bytes,
        strict=strict,
        expires_at=expires_at,
    )
    async with on.change() as tx:
        return await keys.create(tx, on.act, on.secrets, new)


@command(app, "list", "id", "name", "mode", "hint", "account_id", "spent_usd", "budget_usd", "disabled")
async def list_(
    on: Installation,
    part: Window,
    account: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
) -> Page[Key]:
    """List keys, newest first."""
    async with on.read() as tx:
        return await keys.page(tx, part, account)


@command(app, "show")
async def show(on: Installation, key_id: str) -> Key:
    """Show a key: its limits and what it has spent."""
    async with on.read() as tx:
        return await keys.get(tx, key_id)


@command(app, "change")
async def change(
    on: Installation,
    key_id: str,
    name: str | None = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Replaces them all; may be repeated. `none`: every model.")
    ] = None,
    ip: Annotated[
        list[str] | None, typer.Option(help="Replaces them all; may be repeated. `none`: from anywhere.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="`none`: the account's.")] = None,
    budget_usd: Annotated[str | None, typer.Option(help="`none`: no limit.")] = None,
    strict: Annotated[
        bool | None, typer.Option("--strict/--not-strict", help="Refuse what cannot be carried to a model.")
    ] = None,
    disabled: Disabled = None,
    expires_at: Annotated[str | None, typer.Option(help="ISO 8601, or `none`.")] = None,
) -> Key:
    """Change a key; `limit` changes its limits."""
    patch = given.change(
        KeyChange,
        name=name,
        models=model,
        ips=ip,
        group=group,
        budget_usd=budget_usd,
        strict=strict,
        disabled=disabled,
        expires_at=expires_at,
    )
    async with on.change() as tx:
        return await keys.change(tx, on.act, key_id, patch)


@command(app, "limit")
async def limit(
    on: Installation,
    key_id: str,
    rpm: limits.NewRpm = None,
    tpm: limits.NewTpm = None,
    concurrency: limits.NewConcurrency = None,
    body_bytes: limits.NewBodyBytes = None,
) -> Key:
    """Change limits of a key."""
    patch = given.change(KeyChange, rpm=rpm, tpm=tpm, concurrency=concurrency, body_bytes=body_bytes)
    async with on.change() as tx:
        return await keys.change(tx, on.act, key_id, patch)


@command(app, "revoke")
async def revoke(on: Installation, key_id: str) -> None:
    """Revoke a key for good; its usage stays in the log."""
    async with on.change() as tx:
        await keys.revoke(tx, on.act, key_id)
