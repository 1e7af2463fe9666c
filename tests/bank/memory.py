"""A SQLite database in memory, without threads: a transaction is one piece, and a look at it costs microseconds."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool
from tests.bank.audit import QUERIES, Books

from pronghorn.store import Database
from pronghorn.store.migrate import migrate

_raw: list[sqlite3.Connection] = []
_engine = create_engine("sqlite://", creator=_raw.pop, poolclass=NullPool)
"""One for all databases: it knows each statement's text, which takes longer to find than the answer."""


class Memory:
    """A copy of the migrated `template`. It has no second connection: between transactions there is nothing to see."""

    is_sqlite = True

    def __init__(self, template: bytes) -> None:
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        self._raw.deserialize(template)
        self._raw.execute("PRAGMA foreign_keys=ON")
        _raw.append(self._raw)
        self._connection = _engine.connect()
        self.on_commit: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            yield _Tx(self._connection)
        except BaseException:
            self._raw.execute("ROLLBACK")
            raise
        self._raw.execute("COMMIT")
        self.on_commit()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        self._raw.execute("BEGIN")
        try:
            yield _Tx(self._connection)
        finally:
            self._raw.execute("ROLLBACK")

    def books(self) -> Books:
        return Books(**{name: self._raw.execute(sql).fetchall() for name, sql in QUERIES.items()})

    def close(self) -> None:
        self._connection.close()
        self._raw.close()


class _Tx:
    """An `AsyncConnection` that never waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, *arguments: Any) -> Any:
        return self._connection.execute(*arguments)

    async def scalar(self, *arguments: Any) -> Any:
        return self._connection.scalar(*arguments)

    async def exec_driver_sql(self, *arguments: Any) -> Any:
        return self._connection.exec_driver_sql(*arguments)


def template_of(url: str) -> bytes:
    """What `Memory` copies: the file of a migrated database that nobody uses."""
    connection = sqlite3.connect(url.split("///")[1])
    connection.execute("PRAGMA journal_mode=DELETE")  # memory has no write-ahead log
    data = connection.serialize()
    connection.close()
    return data


async def migrated(folder: Path) -> bytes:
    database = Database(f"sqlite+aiosqlite:///{folder / 'template.db'}")
    await migrate(database)
    await database.close()
    return template_of(database.url)
