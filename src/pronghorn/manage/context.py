"""What the management API works with, handed in by whoever starts it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import Clock
from pronghorn.ledger.credit import Credit
from pronghorn.relay.probe import Prober
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store.failures import translated

if TYPE_CHECKING:
    from pronghorn.tasks.service import Tasks


@dataclass(frozen=True)
class ManageContext:
    database: Database
    credit: Credit
    secrets: Secrets
    clock: Clock
    settings: Settings
    prober: Prober
    on_change: Callable[[], Awaitable[None]]
    """Called after each committed change, so that this process looks again at once."""
    tasks: Callable[[], Awaitable["Tasks"]]
    """Made when it is first needed."""

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with translated():
            async with self.database.read() as tx:
                yield tx

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Tx]:
        """A write transaction; once it is committed this process is told."""
        with translated():
            async with self.database.write() as tx:
                yield tx
        await self.on_change()
