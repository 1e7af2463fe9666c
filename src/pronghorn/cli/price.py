"""`pronghorn price`: what models cost."""

from typing import Annotated

import typer

from pronghorn.cli.command import Limit, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.paging import Page, window
from pronghorn.manage.services import prices
from pronghorn.manage.services.prices import ModelPrice, NewPrice

app = group("Prices of models, in US dollars.")

PerMillion = Annotated[str | None, typer.Option(help="For a million tokens.")]


@command(app, "set")
async def set_(
    on: Installation,
    model: str,
    input: PerMillion = None,
    output: PerMillion = None,
    cache_read: PerMillion = None,
    cache_write: PerMillion = None,
    reasoning: PerMillion = None,
    per_call: Annotated[str | None, typer.Option(help="For a request.")] = None,
    per_second: Annotated[str | None, typer.Option(help="For a second of audio or video.")] = None,
    per_image: Annotated[str | None, typer.Option(help="For an image.")] = None,
    note: str = "",
) -> ModelPrice:
    """Set the price of a model; what is not given is not charged, parts of tokens cost as their whole."""
    new = NewPrice(
        input_usd_per_million=input,
        output_usd_per_million=output,
        cache_read_usd_per_million=cache_read,
        cache_write_usd_per_million=cache_write,
        reasoning_usd_per_million=reasoning,
        per_call_usd=per_call,
        per_second_usd=per_second,
        per_image_usd=per_image,
        note=note,
    )
    async with on.change() as tx:
        return await prices.put(tx, on.act, model, new)


@command(app, "show")
async def show(on: Installation, model: str) -> ModelPrice:
    """Show the list price, the operator's and which of them holds."""
    async with on.read() as tx:
        return await prices.get(tx, model)


@command(app, "list", "model", "source", "effective", "note", "updated_at")
async def list_(on: Installation, limit: Limit = 50) -> Page[ModelPrice]:
    """List prices, newest first."""
    async with on.read() as tx:
        return await prices.page(tx, window(limit=limit))


@command(app, "delete")
async def delete(on: Installation, model: str) -> None:
    """Go back to the list price."""
    async with on.change() as tx:
        await prices.remove(tx, on.act, model)
