"""Transactions: how doors open them, so that what goes wrong in the database is told in our words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pronghorn.kit.clock import Clock
from pronghorn.store.database import Database, Tx
from pronghorn.store.failures import translated


@dataclass(frozen=True)
class Transactions:
    database: Database
    clock: Clock
    on_change: Callable[[], Awaitable[None]]
    """Called after each committed change of the configuration, so that this process looks again at once."""

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with translated():
            async with self.database.read() as tx:
                yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """For what no request to a model depends on."""
        with translated():
            async with self.database.write() as tx:
                yield tx

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Tx]:
        """A write transaction; once it is committed this process is told."""
        async with self.write() as tx:
            yield tx
        await self.on_change()
