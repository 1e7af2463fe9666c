"""Installation: what a command works with: the settings, the database opened, and who acts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from pronghorn import settings as settings_module
from pronghorn.accounts import secrets as secrets_module
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import PronghornError
from pronghorn.kit.clock import SystemClock
from pronghorn.ledger.credit import Credit
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store.failures import translated

_OTHER_VERSION = ("no such table", "no such column", "has no column", "does not exist")
"""SQLite's words and PostgreSQL's."""


class CommandFailed(PronghornError):
    """The command could not be carried out."""


class Installation(NamedTuple):
    settings: Settings
    database: Database
    secrets: Secrets
    credit: Credit
    """Has no leases of its own."""
    act: Act

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with _explained():
            async with self.database.read() as tx:
                yield tx

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Tx]:
        """Running servers see the change within two seconds: it moves the revision."""
        with _explained():
            async with self.database.write() as tx:
                yield tx


@asynccontextmanager
async def opened(data: Path | None, config: Path | None, url: str | None) -> AsyncIterator[Installation]:
    settings = settings_module.load(config, data=data, database_url=url)
    _check_is_there(settings)
    clock = SystemClock()
    secrets = secrets_module.load(settings.secret, settings.data)
    database = Database(settings.resolved_database_url)
    try:
        act = Act("cli", int(clock.now() * 1000))
        yield Installation(settings, database, secrets, Credit(database, "cli", 0, clock), act)
    finally:
        await database.close()


def _check_is_there(settings: Settings) -> None:
    """A mistyped folder must not become a new, empty installation."""
    url = make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise CommandFailed(
            f"there is no installation in {settings.data}; start one with `pronghorn up --data {settings.data}`, "
            "or say where it is: --data, --config or --database-url"
        )
    if not settings.secret and not (settings.data / "secret").exists():
        raise CommandFailed(
            f"{settings.data / 'secret'} does not exist; set PRONGHORN_SECRET to the installation's secret, "
            "or say where its data folder is: --data"
        )


@contextmanager
def _explained() -> Iterator[None]:
    with translated():
        try:
            yield
        except DatabaseError as error:
            text = str(error.orig)
            if any(sign in text for sign in _OTHER_VERSION):
                raise CommandFailed(
                    "this database is not set up for this version; run `pronghorn migrate`"
                ) from error
            if type(error) is DatabaseError:
                raise CommandFailed(
                    f"the database cannot be read ({text}); restore it from a backup, "
                    "or say where the right one is: --data, --config or --database-url"
                ) from error
            raise
