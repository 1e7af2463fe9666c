"""`pronghorn doctor`: looks at an installation, running or not; says of each part how it stands, and the way out."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pronghorn import settings as settings_module
from pronghorn.cli import checks
from pronghorn.cli.checks import Finding
from pronghorn.cli.command import AsJson, Config, Data, DatabaseUrl
from pronghorn.cli.installation import Installation, opened
from pronghorn.cli.server import NotAnswering, NotRunning, reached
from pronghorn.errors import PronghornError
from pronghorn.settings import SettingsError

app = typer.Typer(add_completion=False)

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_PIPE_WIDTH = 10_000


@app.command()
def doctor(
    data: Data = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Look at settings, data folder, database, clock, server, sandbox and every channel.

    Exit code 1 if something fails. Each channel is asked a tiny request with each credential.
    """
    found = asyncio.run(_all(lambda: _examine(data, config, database_url)))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        _show(found)
    raise typer.Exit(1 if any(one.state == "fail" for one in found) else 0)


async def _all(findings: Callable[[], AsyncIterator[Finding]]) -> list[Finding]:
    return [finding async for finding in findings()]


async def _examine(data: Data, config: Config, url: DatabaseUrl) -> AsyncIterator[Finding]:
    try:
        settings = settings_module.load(config, data=data, database_url=url)
    except SettingsError as error:
        yield Finding("fail", "settings", str(error))
        return
    yield checks.settings(settings)
    try:
        async with opened(data, config, url) as on:
            yield checks.data_folder(settings)
            database = await checks.database(on)
            yield database
            if database.state != "fail":
                yield await checks.clock(on)
                async for finding in _server(on):
                    yield finding
    except (PronghornError, SettingsError) as error:
        yield Finding("fail", "installation", getattr(error, "message", str(error)))


async def _server(on: Installation) -> AsyncIterator[Finding]:
    try:
        async with reached(on) as server:
            async for finding in checks.running(server):
                yield finding
    except NotAnswering as error:
        yield Finding("fail", "server", error.message)
    except NotRunning as error:
        yield Finding(
            "warn", "server", f"not running, so sandbox and channels were not tested: {error.message}"
        )


def _show(found: list[Finding]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for one in found:
        colour = _COLOURS[one.state]
        table.add_row(f"[{colour}]{one.state}[/{colour}]", escape(one.what), escape(one.message))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width).print(table, crop=False)
