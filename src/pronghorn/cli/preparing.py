"""Before serving: the database at the newest revision and the catalogue at today's, in a process of its own.

Migrations and the price list are heavy to import and needed once; the server stays small and starts fast.
"""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pronghorn import store
from pronghorn.ledger import catalogue
from pronghorn.settings import Settings
from pronghorn.store import Database

VERSIONS = Path(store.__file__).parent / "migrations" / "versions"


async def is_prepared(database: Database) -> bool:
    newest = max(path.stem.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
    try:
        async with database.read() as tx:
            if await tx.scalar(text("SELECT version_num FROM alembic_version")) != newest:
                return False
            return await catalogue.is_current(tx, datetime.now(UTC).date())
    except DBAPIError:
        return False  # no tables yet, or not reachable: `migrate` finds out, and says it better


def prepare(settings: Settings, config: Path | None) -> int:
    """Run `pronghorn migrate` on the same installation; gives its exit code."""
    command = [sys.executable, "-m", "pronghorn", "migrate", "--data", str(settings.data)]
    if config is not None:
        command += ["--config", str(config)]
    if settings.database_url:
        command += ["--database-url", settings.database_url]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own program
