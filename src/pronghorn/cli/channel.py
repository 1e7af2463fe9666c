"""`pronghorn channel`: vendors' accounts that serve models. Credentials come from standard input: see `user`."""

import sys
from typing import Annotated

import typer

from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import channels
from pronghorn.manage.services.channels import Channel, NewChannel

app = group("Channels: vendors' accounts that serve models.")


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    vendor: Annotated[str, typer.Option(help="Such as openai.")],
    model: Annotated[list[str], typer.Option(help="NAME or NAME=VENDORS_NAME; may be repeated.")],
    base_url: Annotated[str | None, typer.Option(help="Without it, the vendor's own.")] = None,
    credentials_stdin: Annotated[
        bool, typer.Option("--credentials-stdin", help="Read credentials from standard input, one a line.")
    ] = False,
    group: Annotated[list[str] | None, typer.Option(help="May be repeated; default: default.")] = None,
    priority: Annotated[int, typer.Option(min=-1_000_000, max=1_000_000, help="Higher first.")] = 0,
    weight: Annotated[int, typer.Option(min=1, max=1_000_000)] = 1,
    proxy: Annotated[str | None, typer.Option(help="http://user:password@host:port")] = None,
) -> Channel:
    """Add a channel."""
    lines = sys.stdin.read().splitlines() if credentials_stdin else []
    pairs = (text.partition("=") for text in model)
    new = NewChannel(
        name=name,
        vendor=vendor,
        models={public: upstream or public for public, _, upstream in pairs},
        base_url=base_url,
        credentials=[line for line in lines if line.strip()],
        groups=group or ["default"],
        priority=priority,
        weight=weight,
        proxy=proxy,
    )
    async with on.change() as tx:
        return await channels.create(tx, on.act, on.secrets, new)


@command(
    app, "list", "id", "name", "vendor", "base_url", "models", "groups", "priority", "weight", "disabled"
)
async def list_(on: Installation, limit: Limit = 50) -> Page[Channel]:
    """List channels, newest first."""
    async with on.read() as tx:
        return await channels.page(tx, on.secrets, window(limit=limit))


@command(app, "show")
async def show(on: Installation, channel_id: str) -> Channel:
    """Show a channel. Its credentials stay sealed."""
    async with on.read() as tx:
        return await channels.get(tx, on.secrets, channel_id)


@command(app, "delete")
async def delete(on: Installation, channel_id: str) -> None:
    """Remove a channel."""
    async with on.change() as tx:
        await channels.remove(tx, on.act, on.secrets, channel_id)
