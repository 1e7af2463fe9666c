"""`pronghorn route`: what a model's name leads to."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import routes
from pronghorn.manage.services.routes import Fallbacks, NewRoute, Route
from pronghorn.routing.route import Policy

app = group("Routes: what a model's name leads to.")

Models = list[str] | None


@command(app, "set")
async def set_(
    on: Installation,
    name: Annotated[str, typer.Argument(help="A model, an alias, or a pattern such as 'gpt-4*'.")],
    model: Annotated[Models, typer.Option(help="What it leads to, best first; may be repeated.")] = None,
    policy: Annotated[Policy | None, typer.Option(help="Which channel is asked first.")] = None,
    context: Annotated[Models, typer.Option(help="Asked when the prompt is too long.")] = None,
    filter: Annotated[Models, typer.Option(help="Asked when the vendor's content policy refuses.")] = None,
    unavailable: Annotated[Models, typer.Option(help="Asked when no channel could answer.")] = None,
) -> Route:
    """Make a route, or replace it as a whole."""
    fallbacks = given.new(Fallbacks, context_too_long=context, content_filter=filter, unavailable=unavailable)
    new = given.new(NewRoute, models=model, policy=policy, fallbacks=fallbacks)
    async with on.change() as tx:
        return await routes.put(tx, on.act, name, new)


@command(app, "list", "name", "models", "policy", "fallbacks", "created_at")
async def list_(on: Installation, part: Window) -> Page[Route]:
    """List routes, newest first."""
    async with on.read() as tx:
        return await routes.page(tx, part)


@command(app, "show")
async def show(on: Installation, name: str) -> Route:
    """Show a route."""
    async with on.read() as tx:
        return await routes.get(tx, name)


@command(app, "delete")
async def delete(on: Installation, name: str) -> None:
    """Remove a route: the name stands for itself again."""
    async with on.change() as tx:
        await routes.remove(tx, on.act, name)
