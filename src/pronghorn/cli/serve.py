"""`pronghorn serve`: the server alone, for a fleet whose workers run elsewhere."""

import socket
from collections.abc import Awaitable, Callable

import typer

from pronghorn import observability
from pronghorn.app import open_gateway
from pronghorn.cli import listening, options, preparing, serving
from pronghorn.cli.explaining import explained, not_set_up
from pronghorn.cli.locking import lock_data_folder
from pronghorn.kit.clock import SystemClock
from pronghorn.settings import Settings
from pronghorn.store import Database

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: options.Host = None,
    port: options.PortNumber = None,
    data: options.Data = None,
    config: options.Config = None,
    database_url: options.DatabaseUrl = None,
    sandbox_url: str | None = typer.Option(None, help="Base URL of a sandbox, for test keys."),
) -> None:
    """Start the server alone. Run `pronghorn migrate` before, and `pronghorn worker` beside it."""
    observability.configure()
    settings = options.load(
        config, host=host, port=port, data=data, database_url=database_url, sandbox_url=sandbox_url
    )
    with options.failures(), lock_data_folder(settings.data):
        listening.run(_serve(settings, listening.bind(settings)))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    database = Database(settings.resolved_database_url)
    try:
        if not await preparing.is_prepared(database):
            raise not_set_up(database)
        with explained(database):
            gateway = await open_gateway(
                settings, SystemClock(), sandbox_url=settings.sandbox_url, database=database
            )
        try:
            await serving.serve(gateway, listener, _announce(listening.base_url(settings, listener)))
        finally:
            await gateway.close()
    finally:
        await database.close()


def _announce(url: str) -> Callable[[], Awaitable[None]]:
    async def announce() -> None:
        typer.echo(f"The server listens on {url}")

    return announce
