"""A transaction that is given up in the middle leaves nothing locked, whoever still remembers it."""

import asyncio
import contextlib
import gc
import sqlite3
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from pronghorn.errors import BadRequest
from pronghorn.store import Database, Tx
from pronghorn.store import models as tables
from pronghorn.store.database import _SQLiteConnection

READ = text("SELECT version_num FROM alembic_version UNION ALL SELECT name FROM accounts")
WRITE = text("UPDATE wallets SET balance = balance")


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """A server's is so rare that nothing may wait for it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_garbage_collection")
async def test_a_reading_that_is_cancelled_in_a_write_transaction_leaves_no_lock(database: Database) -> None:
    other = Database(database.url)
    for turns in range(10):
        await _cancelled(_read_for_ever(database.write()), turns)
        async with asyncio.timeout(3), other.write() as tx:
            await tx.execute(WRITE)
    await other.close()


@pytest.mark.usefixtures("_no_garbage_collection")
def test_a_closed_connection_of_which_a_statement_is_half_read_keeps_no_view(tmp_path: Path) -> None:
    """What somebody may still read cannot leave the write-ahead log: it would grow without end."""
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.executescript("PRAGMA journal_mode=WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1), (2), (3)")
        closed = sqlite3.connect(path, isolation_level=None, factory=_SQLiteConnection)
        closed.execute("BEGIN")
        half_read = closed.cursor()
        half_read.execute("SELECT b FROM a")
        closed.close()
        closed.close()  # as the pool may do it
        other.execute("INSERT INTO a VALUES (4)")
        ((is_busy, _, _),) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not is_busy
        assert half_read is not None


async def _cancelled(reads: Coroutine[Any, Any, None], turns: int) -> None:
    reading = asyncio.create_task(reads)
    for _ in range(turns):
        await asyncio.sleep(0.002)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()


async def _read_for_ever(transaction: AbstractAsyncContextManager[Tx]) -> None:
    async with transaction as tx:
        while True:
            await tx.execute(READ)


async def test_who_asks_by_an_id_that_cannot_be_is_told_so(database: Database) -> None:
    """SQLite finds nothing; PostgreSQL refuses to look. Neither is a fault of ours."""
    asked = select(tables.Account.id).where(tables.Account.id == "acc_\0")
    with pytest.raises(BadRequest, match=r"U\+0000") if not database.is_sqlite else contextlib.nullcontext():
        async with database.read() as tx:
            assert await tx.scalar(asked) is None
    async with database.read() as tx:
        assert await tx.scalar(select(1)) == 1
