"""`pronghorn up`: server, worker and sandbox on one machine, with one command."""

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pronghorn import observability
from pronghorn.cli import listening, options
from pronghorn.cli.companions import Companion
from pronghorn.cli.locking import lock_data_folder
from pronghorn.kit.later import Later
from pronghorn.settings import Settings, environment_for

if TYPE_CHECKING:
    from pronghorn.cli import starting
else:
    starting = Later("pronghorn.cli.starting")

app = typer.Typer(add_completion=False)


@app.command()
def up(
    host: options.Host = None,
    port: options.PortNumber = None,
    data: options.Data = None,
    config: options.Config = None,
    database_url: options.DatabaseUrl = None,
    sandbox: Annotated[bool, typer.Option(help="Start the sandbox that test keys reach.")] = True,
    bootstrap_file: Annotated[
        Path | None, typer.Option(help="Write the first keys and logins to this file, for scripts.")
    ] = None,
) -> None:
    """Start everything on this machine: server, worker and sandbox."""
    observability.configure()
    settings = options.load(config, host=host, port=port, data=data, database_url=database_url)
    with options.failures(), lock_data_folder(settings.data):
        listener = listening.bind(settings)
        listening.run(_up(settings, config, listener, with_sandbox=sandbox, bootstrap_file=bootstrap_file))


async def _up(
    settings: Settings,
    config: Path | None,
    listener: socket.socket,
    *,
    with_sandbox: bool,
    bootstrap_file: Path | None,
) -> None:
    simulator = Companion("sandbox", "sandbox", "--port", "0") if with_sandbox else None
    worker = Companion(
        "worker", "worker", *options.of_child(settings, config), environment=environment_for(settings)
    )
    try:
        if simulator is not None:
            await simulator.start()
        await starting.start(settings, config, listener, simulator, worker, bootstrap_file)
    finally:
        await asyncio.gather(
            *(companion.stop() for companion in (simulator, worker) if companion is not None)
        )
