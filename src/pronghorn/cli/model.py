"""`pronghorn model`: the catalogue."""

from typing import Annotated

import typer

from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import models
from pronghorn.manage.services.models import Model

app = group("The catalogue of models.")


@command(
    app, "list", "name", "vendor", "capabilities", "context_tokens", "max_output_tokens", "retired", "own"
)
async def list_(
    on: Installation,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor only.")] = None,
    limit: Limit = 50,
) -> Page[Model]:
    """List models, newest first."""
    async with on.read() as tx:
        return await models.page(tx, window(limit=limit), vendor)


@command(app, "show")
async def show(on: Installation, name: str) -> Model:
    """Show a model with its effective price."""
    async with on.read() as tx:
        return await models.get(tx, name)
