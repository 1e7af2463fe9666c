"""Installation: what a command works with: the settings, the database opened, and who acts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from pronghorn import settings as settings_module
from pronghorn.accounts import secrets as secrets_module
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.cli.explaining import CommandFailed, explained
from pronghorn.kit.clock import SystemClock
from pronghorn.ledger.credit import Credit
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx


class Installation(NamedTuple):
    settings: Settings
    database: Database
    secrets: Secrets
    credit: Credit
    """Has no leases of its own."""
    act: Act

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with explained(self.database):
            async with self.database.read() as tx:
                yield tx

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Tx]:
        """Running servers see the change within two seconds: it moves the revision."""
        with explained(self.database):
            async with self.database.write() as tx:
                yield tx

    async def check_secret(self) -> None:
        """What a command makes with another secret than the servers', no server would know. Raises `SecretError`."""
        async with self.read() as tx:
            sealed = await secrets_module.sealed_text(tx)
        if sealed is not None:
            self.secrets.open(sealed)


@asynccontextmanager
async def opened(data: Path | None, config: Path | None, url: str | None) -> AsyncIterator[Installation]:
    settings = settings_module.load(config, data=data, database_url=url)
    database = Database(settings.resolved_database_url)
    _check_is_there(settings, database)
    clock = SystemClock()
    with explained(database):
        secrets = secrets_module.load(settings.secret, settings.data)
    try:
        act = Act("cli", int(clock.now() * 1000))
        yield Installation(settings, database, secrets, Credit(database, "cli", 0, clock), act)
    finally:
        await database.close()


def _check_is_there(settings: Settings, database: Database) -> None:
    """A mistyped folder must not become a new, empty installation."""
    if database.file is not None and not database.file.exists():
        raise CommandFailed(
            f"there is no installation in {settings.data}; start one with `pronghorn up --data {settings.data}`, "
            "or say where it is: --data, --config or --database-url"
        )
    if not settings.secret and not (settings.data / "secret").exists():
        raise CommandFailed(
            f"{settings.data / 'secret'} does not exist; set PRONGHORN_SECRET to the installation's secret, "
            "or say where its data folder is: --data"
        )
