"""`pronghorn code`: codes that become balance, once."""

from typing import Annotated

import typer

from pronghorn.cli import given
from pronghorn.cli.command import Printed, command, group
from pronghorn.cli.installation import Installation
from pronghorn.commerce.codes import Status
from pronghorn.errors import BadRequest
from pronghorn.kit.sheet import sheet
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import codes
from pronghorn.manage.services.codes import (
    Code,
    CodeBatch,
    CodeBatchChange,
    CodeChange,
    CreatedCodeBatch,
    NewCodeBatch,
    Redeemed,
    Redemption,
)

app = group("Codes that become balance, once.")

Undo = Annotated[bool, typer.Option("--undo", help="Enable it again.")]


@command(app, "create", context_settings={"ignore_unknown_options": True})
async def create(
    on: Installation,
    name: Annotated[str, typer.Argument(help="Names the batch.")],
    amount_usd: Annotated[str, typer.Argument(help="What each code is worth, such as 10.00.")],
    count: Annotated[int, typer.Option(help="How many codes, 1 to 1000.")] = 1,
    expires_at: Annotated[str | None, typer.Option(help="ISO 8601.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print nothing but the codes, one a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet or a printer.")] = False,
) -> CreatedCodeBatch | Printed:
    """Make a batch of codes. They are shown this once."""
    if plain and csv:
        raise BadRequest("give --plain or --csv, not both")
    new = given.new(NewCodeBatch, name=name, amount_usd=amount_usd, count=count, expires_at=expires_at)
    async with on.change() as tx:
        made = await codes.create(tx, on.act, on.secrets, new)
    if plain:
        return Printed(made, "".join(f"{each.code}\n" for each in made.codes))
    return Printed(made, _sheet(made)) if csv else made


def _sheet(made: CreatedCodeBatch) -> str:
    of_batch = made.amount_usd, made.expires_at or "", made.name, made.id
    rows = [(each.code, each.id, *of_batch) for each in made.codes]
    return sheet(("code", "id", "amount_usd", "expires_at", "batch_name", "batch"), rows)


@command(app, "batches", "id", "name", "amount_usd", "count", "used", "disabled", "expires_at", "created_at")
async def batches(on: Installation, part: Window) -> Page[CodeBatch]:
    """List batches, newest first."""
    async with on.read() as tx:
        return await codes.page_batches(tx, part)


@command(app, "show")
async def show(on: Installation, batch_id: str) -> CodeBatch:
    """Show a batch."""
    async with on.read() as tx:
        return await codes.get_batch(tx, batch_id)


@command(app, "list", "id", "batch_name", "hint", "amount_usd", "status", "account_id", "redeemed_at")
async def list_(
    on: Installation,
    part: Window,
    batch: Annotated[
        str | None, typer.Option(help="Of this batch only; see `pronghorn code batches`.")
    ] = None,
    status: Annotated[Status | None, typer.Option(help="In this status only.")] = None,
) -> Page[Code]:
    """List codes, newest first: what became of each, never the codes themselves."""
    async with on.read() as tx:
        return await codes.page(tx, part, batch, status, on.act.now_ms)


@command(app, "disable")
async def disable(on: Installation, code_id: str, undo: Undo = False) -> Code:
    """Disable a code: nobody can redeem it."""
    async with on.change() as tx:
        return await codes.change(tx, on.act, code_id, CodeChange(disabled=not undo))


@command(app, "disable-batch")
async def disable_batch(on: Installation, batch_id: str, undo: Undo = False) -> CodeBatch:
    """Disable all codes of a batch that were not redeemed yet."""
    async with on.change() as tx:
        return await codes.change_batch(tx, on.act, batch_id, CodeBatchChange(disabled=not undo))


@command(app, "redeem")
async def redeem(
    on: Installation,
    code: Annotated[str, typer.Argument(help="Case and dashes do not matter.")],
    account: Annotated[str, typer.Option("--account", help="The account that gets the money.")],
) -> Redeemed:
    """Pay a code's amount into an account."""
    redemption = given.new(Redemption, code=code, account_id=account)
    async with on.change() as tx:
        return await codes.redeem(tx, on.act, on.secrets, redemption)
