"""Bring a database to the newest revision. Forward only; PostgreSQL and SQLite roll a failed step back.

Alembic is heavy and needed once an upgrade, so nothing that serves requests imports this module.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from pronghorn.store.database import Database

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 8_400_840_084


async def migrate(database: Database) -> None:
    """Apply what is missing. Two at once wait for each other."""
    async with database.write() as tx:
        if not database.is_sqlite:
            await tx.execute(text("SET LOCAL lock_timeout = 0"))
            await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await tx.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
