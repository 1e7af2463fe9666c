"""`pronghorn price`: what models cost."""

from typing import Annotated, Any

import typer

from pronghorn.cli import given
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.errors import BadRequest
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import markups, prices
from pronghorn.manage.services.markups import Markup, MarkupChange
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
    cache_write: Annotated[str | None, typer.Option(help="Both kinds of cache writes.")] = None,
    cache_write_5m: PerMillion = None,
    cache_write_1h: PerMillion = None,
    audio_input: PerMillion = None,
    image_input: PerMillion = None,
    reasoning: PerMillion = None,
    audio_output: PerMillion = None,
    image_output: PerMillion = None,
    character: Annotated[str | None, typer.Option(help="For a million characters.")] = None,
    per_call: Annotated[
        list[str] | None, typer.Option(help="For a request, or KIND=PRICE; may be repeated.")
    ] = None,
    per_second: Annotated[
        list[str] | None,
        typer.Option(help="For a second of audio or video, or KIND=PRICE; may be repeated."),
    ] = None,
    per_image: Annotated[
        list[str] | None, typer.Option(help="For an image, or QUALITY/SIZE=PRICE; may be repeated.")
    ] = None,
    tier: Annotated[
        list[str] | None,
        typer.Option(help="Above so many input tokens: 200000:input=2.50,output=15; may be repeated."),
    ] = None,
    note: str = "",
) -> ModelPrice:
    """Set the price of a model; what is not given is not charged, parts of tokens cost as their whole."""
    new = given.new(
        NewPrice,
        input_usd_per_million=input,
        output_usd_per_million=output,
        cache_read_usd_per_million=cache_read,
        cache_write_usd_per_million=cache_write,
        cache_write_5m_usd_per_million=cache_write_5m,
        cache_write_1h_usd_per_million=cache_write_1h,
        audio_input_usd_per_million=audio_input,
        image_input_usd_per_million=image_input,
        reasoning_usd_per_million=reasoning,
        audio_output_usd_per_million=audio_output,
        image_output_usd_per_million=image_output,
        character_usd_per_million=character,
        per_call_usd=_by_kind(per_call),
        per_second_usd=_by_kind(per_second),
        per_image_usd=_by_kind(per_image),
        tiers=[_tier(text) for text in tier or []],
        note=note,
    )
    async with on.change() as tx:
        return await prices.put(tx, on.act, model, new)


def _by_kind(texts: list[str] | None) -> dict[str, str] | str | None:
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return {kind or "default": usd for kind, _, usd in (text.rpartition("=") for text in texts)}


def _tier(text: str) -> dict[str, Any]:
    above, _, listed = text.partition(":")
    parts = (part.partition("=") for part in listed.split(","))
    named = {f"{name.replace('-', '_')}_usd_per_million": usd for name, _, usd in parts}
    return {"above_input_tokens": above, **named}


@command(app, "show")
async def show(on: Installation, model: str) -> ModelPrice:
    """Show the list price, the mark-up on it, the operator's price and which of them holds."""
    async with on.read() as tx:
        return await prices.get(tx, model)


@command(app, "list", "model", "source", "effective", "note", "updated_at")
async def list_(on: Installation, part: Window) -> Page[ModelPrice]:
    """List prices, newest first."""
    async with on.read() as tx:
        return await prices.page(tx, part)


@command(app, "delete")
async def delete(on: Installation, model: str) -> None:
    """Go back to the list price."""
    async with on.change() as tx:
        await prices.remove(tx, on.act, model)


@command(app, "markup")
async def markup(
    on: Installation,
    factor: Annotated[
        str | None,
        typer.Argument(help="Such as 1.2, for all vendors without one of their own; none: no mark-up."),
    ] = None,
    vendor: Annotated[
        list[str] | None, typer.Option(help="VENDOR=FACTOR or VENDOR=none; may be repeated.")
    ] = None,
) -> Markup:
    """Change what list prices are multiplied by; the operator's own prices stay as they are."""
    vendors = None if vendor is None else dict(_vendor_factor(text) for text in vendor)
    patch = given.change(MarkupChange, factor=factor, vendors=vendors)
    async with on.change() as tx:
        return await markups.change(tx, on.act, patch)


def _vendor_factor(text: str) -> tuple[str, str | None]:
    name, _, factor = text.partition("=")
    if not factor:
        raise BadRequest("--vendor must look like VENDOR=FACTOR", param="vendors")
    return name, None if factor == given.CLEAR else factor


@command(app, "markups")
async def show_markup(on: Installation) -> Markup:
    """Show what list prices are multiplied by."""
    async with on.read() as tx:
        return await markups.get(tx)
