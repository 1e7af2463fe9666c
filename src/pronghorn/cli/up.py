"""`pronghorn up`: server, worker and sandbox on one machine, with one command."""

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pronghorn import observability
from pronghorn.cli import listening, options
from pronghorn.cli.companions import Companion
from pronghorn.cli.locking import DataFolderInUse, lock_data_folder
from pronghorn.errors import Conflict
from pronghorn.kit.later import Later
from pronghorn.settings import Settings

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
    try:
        with lock_data_folder(settings.data):
            listener = listening.bind(settings)
            listening.run(
                _up(settings, config, listener, with_sandbox=sandbox, bootstrap_file=bootstrap_file)
            )
    except (DataFolderInUse, Conflict) as error:
        options.fail(str(error))
    except OSError as error:
        if error.filename is not None:
            raise
        options.fail(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "stop what listens there, or choose another port with --port"
        )


async def _up(
    settings: Settings,
    config: Path | None,
    listener: socket.socket,
    *,
    with_sandbox: bool,
    bootstrap_file: Path | None,
) -> None:
    simulator = Companion("sandbox", "sandbox", "--port", "0") if with_sandbox else None
    worker = Companion("worker", "worker", *_same_installation(settings, config))
    try:
        if simulator is not None:
            await simulator.start()
        await starting.start(settings, config, listener, simulator, worker, bootstrap_file)
    finally:
        await asyncio.gather(
            *(companion.stop() for companion in (simulator, worker) if companion is not None)
        )


def _same_installation(settings: Settings, config: Path | None) -> list[str]:
    arguments = ["--data", str(settings.data)]
    if config is not None:
        arguments += ["--config", str(config)]
    if settings.database_url:
        arguments += ["--database-url", settings.database_url]
    return arguments
