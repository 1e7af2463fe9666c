"""Engine and transactions, the same on SQLite and PostgreSQL.

On SQLite all writes of a process go through one connection, so that they queue instead of failing, and each
write transaction takes the lock at its beginning.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pronghorn.errors import BadRequest

Tx = AsyncConnection
"""An open transaction. Services take one and never commit; doors, workers and commands open it."""

BUSY_TIMEOUT_MS = 5_000
_NO_SUCH_CHARACTER = "22021"
_TRY_CLAIM = text("SELECT pg_try_advisory_lock(hashtextextended('pronghorn ' || :name, 0))")


class Database:
    """`write()` and `read()` open transactions; `close()` gives the connections back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._claims: list[AsyncConnection] = []
        address = make_url(url)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self.file = Path(address.database or "") if self.is_sqlite else None
        """Where SQLite keeps it; with the first connection it is there."""
        plain = address.set(drivername=address.get_backend_name())
        self.shown = plain.render_as_string(hide_password=True)
        """Its URL as messages may have it."""
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, pool_size=1, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(url, pool_size=4, begin="BEGIN")
        else:
            self._writer = create_async_engine(
                url, pool_size=8, max_overflow=0, pool_timeout=10, pool_pre_ping=True
            )
            # One view for all statements of a transaction, as SQLite gives it by itself.
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ")
            event.listen(self._writer.sync_engine, "connect", _limit_waiting)
            event.listen(self._writer.sync_engine, "handle_error", _explain)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that commits at the end of the block, or rolls back if the block raises."""
        async with self._writer.begin() as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A consistent view; nothing written in it is kept."""
        async with self._reader.connect() as tx:
            yield tx

    async def claim(self, name: str) -> bool:
        """Be the only process that goes by `name` in this database, until it ends. False: another one does.

        An SQLite file has nobody else: the lock of its data folder keeps them out.
        """
        if self.is_sqlite:
            return True
        claim = await self._writer.connect()
        # Where a machine dies without a word, its claim ends after a minute and not after hours.
        for setting, seconds in (("idle", 30), ("interval", 10), ("count", 3)):
            await claim.exec_driver_sql(f"SET tcp_keepalives_{setting} = {seconds}")
        is_first = bool(await claim.scalar(_TRY_CLAIM, {"name": name}))
        await claim.commit()
        if not is_first:
            await claim.close()
            return False
        self._claims.append(claim)
        return True

    async def close(self) -> None:
        claims, self._claims = self._claims, []
        for claim in claims:
            with suppress(DBAPIError):  # a connection that broke has let go of it
                await claim.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            await claim.close()
        await self._reader.dispose()
        await self._writer.dispose()


def _limit_waiting(connection: Any, _record: object) -> None:
    """Who waits for a lock that somebody keeps is told so, as on SQLite. A statement: poolers refuse the option."""
    connection.run_async(lambda driver: driver.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}"))


def _explain(context: ExceptionContext) -> None:
    """PostgreSQL takes no U+0000, also not to look for it. Whoever asks by such an id is wrong, and we are not."""
    if getattr(context.original_exception, "sqlstate", None) == _NO_SUCH_CHARACTER:
        raise BadRequest("the request holds the character U+0000, which no id and no name here has")


class _SQLiteConnection(sqlite3.Connection):
    """Ends with `close`, whoever still has a cursor of it.

    SQLite itself keeps a connection open of which a statement is half read: where a transaction is cancelled in the
    middle of a SELECT, its lock and its view would stay until the garbage collector finds the cursor.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors = WeakSet[sqlite3.Cursor]()

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = super().cursor(*arguments, **options)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        cursors = list(self._cursors)
        self._cursors.clear()  # a second call finds none: they cannot be closed again
        for cursor in cursors:
            cursor.close()
        super().close()


def _sqlite_engine(url: str, *, pool_size: int, begin: str) -> AsyncEngine:
    factory = {"factory": _SQLiteConnection}
    engine = create_async_engine(
        url, connect_args=factory, pool_size=pool_size, max_overflow=0, pool_timeout=30
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # The driver must not begin transactions of its own: it would take the write lock too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-4096",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
