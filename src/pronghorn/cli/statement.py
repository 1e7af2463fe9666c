"""`pronghorn statement`: what an account had, got and spent in a month."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.markup import escape
from rich.table import Table

from pronghorn.cli import shown
from pronghorn.cli.account import TestMode
from pronghorn.cli.command import Printed, command
from pronghorn.cli.installation import Installation
from pronghorn.cli.usage import TimeZone
from pronghorn.cli.writing import replaced
from pronghorn.commerce.statement_words import Language
from pronghorn.commerce.statements import statement
from pronghorn.manage.fields import Mode
from pronghorn.manage.services import statements
from pronghorn.manage.services.statements import AccountStatement, Format

app = typer.Typer(add_completion=False)


class StatementFile(Struct):
    file: str
    bytes: int


@command(app, "statement")
async def show(
    on: Installation,
    account_id: str,
    month: Annotated[
        str | None, typer.Option(help="Such as 2026-11; without it, the last one that is over.")
    ] = None,
    time_zone: TimeZone = "UTC",
    format: Annotated[Format, typer.Option(help="html and pdf make a file.")] = "json",
    language: Annotated[Language, typer.Option(help="Of the file.")] = "en",
    out: Annotated[
        str | None, typer.Option(help="The file; without it, one in this folder that has the month's name.")
    ] = None,
    test: TestMode = False,
) -> Printed | StatementFile:
    """Make the statement of a month."""
    async with on.read() as tx:
        mode: Mode = "test" if test else "live"
        made = await statement(tx, account_id, month, time_zone, mode, on.act.now_ms)
    if format == "json":
        view = statements.view(made)
        return Printed(view, shown.text(_table(view)))
    content = await statements.rendered(made, format, language)
    path = Path(out or statements.file_name(made, format))
    await asyncio.to_thread(_write, path, content)
    return StatementFile(str(path), len(content))


def _write(path: Path, content: bytes) -> None:
    with replaced(path) as file:
        file.write(content)


def _table(made: AccountStatement) -> Table:
    table = Table("", "entries", "in_usd", "out_usd", title=f"{escape(made.account_name)}, {made.month}")
    table.add_row("opening", "", made.opening_usd, "")
    for kind in made.came_in:
        table.add_row(kind.kind, str(kind.entries), kind.amount_usd, "")
    for kind in made.went_out:
        table.add_row(kind.kind, str(kind.entries), "", kind.amount_usd)
    table.add_row("closing", "", made.closing_usd, "")
    return table
