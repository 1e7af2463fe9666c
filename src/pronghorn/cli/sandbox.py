"""`pronghorn sandbox`: the local simulator of vendors."""

import asyncio
from typing import Annotated

import typer

from pronghorn import observability
from pronghorn import sandbox as simulator
from pronghorn.cli import options
from pronghorn.cli.stopping import stop_event

app = typer.Typer(add_completion=False)


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8401,
    companion: bool = typer.Option(False, hidden=True),
) -> None:
    """Start the sandbox alone: every vendor, simulated, offline and free."""
    observability.configure()
    try:
        asyncio.run(_serve(host, port, follows_stdin=companion))
    except BrokenPipeError:
        return  # who waited for the port has gone
    except OSError as error:
        options.fail(
            f"cannot listen on {host}:{port} ({error.strerror}); "
            "stop what listens there, or choose another address with --host or --port"
        )


async def _serve(host: str, port: int, *, follows_stdin: bool) -> None:
    stop = stop_event(follows_stdin=follows_stdin)
    await simulator.run(host, port, ready=_announce, until=stop)


def _announce(port: int) -> None:
    """One line on standard output, which a parent process waits for."""
    typer.echo(f"The sandbox listens on port {port}.")
