"""`pronghorn model`: the catalogue."""

from typing import Annotated, get_args

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import models
from pronghorn.manage.services.models import Capability, Model, ModelChange, OwnModel

app = group("The catalogue of models.")

Capabilities = Annotated[
    list[str] | None,
    typer.Option(help=f"May be repeated; all, if never given. Of: {', '.join(get_args(Capability))}."),
]
Retired = Annotated[bool | None, typer.Option("--retired/--not-retired")]
Tokens = Annotated[str | None, typer.Option(help="A number, or `none`.")]


@command(app, "set")
async def set_(
    on: Installation,
    name: str,
    vendor: Annotated[str, typer.Option(help="Such as openai.")],
    display_name: str = "",
    description: str = "",
    capability: Capabilities = None,
    context_tokens: int | None = None,
    max_output_tokens: int | None = None,
) -> Model:
    """Make a model of your own, or replace what is said about one."""
    own = given.new(
        OwnModel,
        vendor=vendor,
        display_name=display_name,
        description=description,
        capabilities=capability,
        context_tokens=context_tokens,
        max_output_tokens=max_output_tokens,
    )
    async with on.change() as tx:
        return await models.put(tx, on.act, name, own)


@command(
    app, "list", "name", "vendor", "capabilities", "context_tokens", "max_output_tokens", "retired", "own"
)
async def list_(
    on: Installation,
    part: Window,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor only.")] = None,
    retired: Retired = None,
) -> Page[Model]:
    """List models, newest first."""
    async with on.read() as tx:
        return await models.page(tx, part, vendor, retired)


@command(app, "show")
async def show(on: Installation, name: str) -> Model:
    """Show a model with its effective price."""
    async with on.read() as tx:
        return await models.get(tx, name)


@command(app, "change")
async def change(
    on: Installation,
    name: str,
    display_name: str | None = None,
    description: str | None = None,
    capability: Capabilities = None,
    context_tokens: Tokens = None,
    max_output_tokens: Tokens = None,
    retired: Retired = None,
) -> Model:
    """Change a model, or retire it. What is said about it is yours from then on: a new catalogue leaves it."""
    patch = given.change(
        ModelChange,
        display_name=display_name,
        description=description,
        capabilities=capability,
        context_tokens=context_tokens,
        max_output_tokens=max_output_tokens,
        retired=retired,
    )
    async with on.change() as tx:
        return await models.change(tx, on.act, name, patch)
