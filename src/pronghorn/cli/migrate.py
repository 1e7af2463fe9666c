"""`pronghorn migrate`: bring the database to this version, and the catalogue to today."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime

import typer
from sqlalchemy.exc import DBAPIError

from pronghorn.cli import options, preparing
from pronghorn.cli.explaining import CommandFailed, NotSetUp, explained
from pronghorn.cli.folder import make_data_folder
from pronghorn.ledger.catalogue import sync
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.migrate import migrate as migrate_database

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    data: options.Data = None, config: options.Config = None, database_url: options.DatabaseUrl = None
) -> None:
    """Bring the database to this version. Forward only; safe to repeat."""
    settings = options.load(config, data=data, database_url=database_url)
    with options.failures():
        make_data_folder(settings.data)
        changed = asyncio.run(_migrate(settings))
    typer.echo(f"The database is up to date ({changed} changes in the model catalogue).")


async def _migrate(settings: Settings) -> int:
    database = Database(settings.resolved_database_url)
    try:
        with explained(database):
            if database.file is not None:
                database.file.touch(mode=0o600)  # SQLite itself would make it for everybody to read
        with suppress(NotSetUp):
            await preparing.check_tables(database)
        await migrate_database(database)
        async with database.write() as tx:
            return await sync.sync(tx, today=datetime.now(UTC).date(), now_ms=int(time.time() * 1000))
    except DBAPIError as error:
        raise CommandFailed(f"the database cannot be changed: {error.orig}") from error
    finally:
        await database.close()
