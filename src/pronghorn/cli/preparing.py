"""Before serving: the database at the newest revision and the catalogue at today's, in a process of its own.

Migrations and the price list are heavy to import and needed once; the server stays small and starts fast.
"""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from pronghorn import store
from pronghorn.cli import options
from pronghorn.cli.explaining import CommandFailed, NotSetUp, explained, not_set_up
from pronghorn.ledger import catalogue
from pronghorn.settings import Settings, environment_for
from pronghorn.store import Database

_VERSIONS = Path(store.__file__).parent / "migrations" / "versions"


def newest_revision() -> str:
    """What `pronghorn migrate` of this version brings a database to."""
    return max(path.stem.split("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))


async def check_tables(database: Database) -> None:
    """Raises `NotSetUp` if they are older than this version, or `CommandFailed`. A mistyped file is not made."""
    newest, found = newest_revision(), ""
    if database.file is None or database.file.exists():
        with explained(database):
            async with database.read() as tx:
                found = await tx.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if found > newest:
        raise CommandFailed(
            f"the database {database.shown} is of a newer version (revision {found}, this one has {newest}); "
            "start that version of Pronghorn, or restore the backup from before the upgrade"
        )
    if found != newest:
        raise not_set_up(database)


async def is_prepared(database: Database) -> bool:
    """Tables and catalogue. Raises `CommandFailed` if the database does not answer."""
    try:
        await check_tables(database)
    except NotSetUp:
        return False
    async with database.read() as tx:
        return await catalogue.is_current(tx, datetime.now(UTC).date())


def prepare(settings: Settings, config: Path | None) -> int:
    """Run `pronghorn migrate` on the same installation; gives its exit code."""
    command = [sys.executable, "-m", "pronghorn", "migrate", *options.of_child(settings, config)]
    return subprocess.run(command, check=False, env=environment_for(settings)).returncode  # noqa: S603 - our own program
