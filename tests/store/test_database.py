"""A transaction that is given up in the middle leaves nothing locked, whoever still remembers it."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from pronghorn.store import Database

READ = text("SELECT 1 UNION ALL SELECT 2")
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
    for number in range(10):
        begun = asyncio.Event()
        reading = asyncio.create_task(_read_for_ever(database, begun))
        await begun.wait()
        for _ in range(number):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        async with asyncio.timeout(3), other.write() as tx:
            await tx.execute(WRITE)
    await other.close()


async def _read_for_ever(database: Database, begun: asyncio.Event) -> None:
    async with database.write() as tx:
        await tx.execute(WRITE)
        begun.set()
        while True:
            await tx.execute(READ)
