"""`pronghorn export`: the usage log, ledger entries and usage by the hour, as files."""

import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from pronghorn.cli.account import TestMode
from pronghorn.cli.command import command, group
from pronghorn.cli.installation import Installation
from pronghorn.cli.usage import From, Only, To
from pronghorn.cli.writing import replaced
from pronghorn.commerce import exports
from pronghorn.commerce.exports import Export, Format, Kind
from pronghorn.manage.fields import Mode

app = group("The usage log, ledger entries and usage as CSV or Parquet.")

As = Annotated[Format, typer.Option(help="Amounts are exact in both.")]
Out = Annotated[str | None, typer.Option(help="The file; without it, one in this folder named by its days.")]
Excel = Annotated[bool, typer.Option("--excel", help="Begin a CSV as Excel needs it.")]


class ExportFile(Struct):
    file: str
    bytes: int


def _register(kind: Kind, what: str) -> None:
    async def export(
        on: Installation,
        format: As = "csv",
        out: Out = None,
        from_: From = None,
        to: To = None,
        account_id: Only = None,
        test: TestMode = False,
        excel: Excel = False,
    ) -> ExportFile:
        mode: Mode = "test" if test else "live"
        asked = exports.asked(kind, format, from_, to, account_id, mode, excel, on.act.now_ms)
        return await _write(on, asked, out)

    export.__doc__ = f"Write {what} of some days, without `--from` of the last 30."
    command(app, kind)(export)


_register("requests", "the usage log")
_register("entries", "the ledger's entries")
_register("usage", "usage by the hour,")


async def _write(on: Installation, export: Export, out: str | None) -> ExportFile:
    path, written = Path(out or export.file_name), 0
    async with on.read() as tx:
        total = await exports.size(tx, export)
    console = Console(stderr=True)
    with replaced(path) as file, Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(export.kind, total=total)

        def done(count: int) -> None:
            progress.advance(task, count)

        async with aclosing(exports.pieces(on.read, export, done)) as pieces:
            async for piece in pieces:
                written += file.write(piece)
    return ExportFile(str(path), written)
