"""What the management API works with, handed in by whoever starts it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import BadRequest, Conflict, Unavailable
from pronghorn.kit.clock import Clock
from pronghorn.ledger.credit import Credit
from pronghorn.relay.probe import Prober
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx


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


@contextmanager
def translated() -> Iterator[None]:
    """The one table from the database's errors to ours."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("another change was made at the same moment; look again, then repeat") from error
    except DataError as error:
        raise BadRequest("the request holds a value that the database cannot keep") from error
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
        raise Unavailable("the database does not answer; try again shortly") from error
