"""`pronghorn worker`: moves the journal into the database, sees tasks to their end, does the jobs of the business."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import typer

from pronghorn import observability
from pronghorn.accounts import secrets
from pronghorn.accounts.secrets import Secrets
from pronghorn.cli import options, preparing
from pronghorn.cli.addresses import address_of
from pronghorn.cli.explaining import explained
from pronghorn.cli.stopping import stop_event
from pronghorn.commerce import jobs
from pronghorn.kit.clock import Clock, SystemClock
from pronghorn.kit.later import Later
from pronghorn.ledger import posting
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.tasks.engine import Engine
from pronghorn.upstream import Client

if TYPE_CHECKING:
    from pronghorn.tasks import mirror
else:
    mirror = Later("pronghorn.tasks.mirror")

POLL_S = 0.25
"""The log and the balances are at most one second old; a posting has its price, so not more often than that needs."""
RETRY_S = 1.0
NICENESS = 5
"""Where both want one core, the server goes first: its callers wait, the journal does not."""

app = typer.Typer(add_completion=False)
log = structlog.get_logger()


@app.command()
def worker(
    data: options.Data = None,
    config: options.Config = None,
    database_url: options.DatabaseUrl = None,
    sandbox_url: str | None = typer.Option(None, help="Base URL of a sandbox, for tasks of test keys."),
    companion: bool = typer.Option(False, hidden=True),
) -> None:
    """Start the worker alone. It stops on SIGTERM, after posting what there is."""
    observability.configure()
    settings = options.load(config, data=data, database_url=database_url, sandbox_url=sandbox_url)
    os.nice(NICENESS)
    with options.failures():
        asyncio.run(_open(settings, follows_stdin=companion))


async def _open(settings: Settings, *, follows_stdin: bool) -> None:
    database = Database(settings.resolved_database_url)
    stop = stop_event(follows_stdin=follows_stdin)
    try:
        await preparing.check_tables(database)
        with explained(database):
            vault = await secrets.of_installation(database, settings.secret, settings.data)
        await _work(settings, database, vault, stop)
    finally:
        await database.close()


async def _work(settings: Settings, database: Database, vault: Secrets, stop: asyncio.Event) -> None:
    clock, folder = SystemClock(), settings.data / "journal"
    positions: posting.Positions = {}
    client = Client()
    doing = asyncio.gather(
        jobs.run_forever(jobs.Services(database, vault, settings, clock)),
        Engine(database, vault, settings, clock, client, base_url=_base_url(settings)).run_forever(),
        *([mirror.Mirror(database, vault, settings, clock).run_forever()] if settings.media_store else []),
    )
    try:
        while not stop.is_set():
            pause_s = POLL_S if await _post(database, folder, clock, positions) else RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()
        await _post(database, folder, clock, {})
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        await client.close()


async def _post(database: Database, folder: Path, clock: Clock, positions: posting.Positions) -> bool:
    """False: not now. Nothing is lost, the records stay in the journal until the database takes them."""
    try:
        await posting.post_all(database, folder, clock, positions)
    except Exception as error:  # whatever it is, the next round begins anew
        log.warning("posting.failed", error=repr(error))
        return False
    return True


def _base_url(settings: Settings) -> str:
    """Where this machine's server listens, for links without a `public_url`."""
    return address_of(settings.data) or f"http://{settings.host}:{settings.port}"
