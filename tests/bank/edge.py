"""Edge: where a process meets its database and its files, and where each operation can be its last or fail.

Every operation has its place and its number. A write has three places: nothing of it came through, a part did, all
did. So has a commit: it was not asked for, or it happened and nobody heard of it.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol, cast

from tests.bank.plan import Faults

from pronghorn.ledger import journal
from pronghorn.store import Database, Tx


class Killed(BaseException):
    """The process is dead from here on; nothing in it may catch this."""


class Lost(Exception):
    """The database did not answer: it is busy, gone, or its answer was lost."""


def die_here() -> NoReturn:
    raise Killed


async def at_once() -> None:
    """No schedule: whoever comes goes on."""
    await asyncio.sleep(0)


class Edge:
    def __init__(
        self,
        faults: Faults | None = None,
        turn: Callable[[], Awaitable[None]] = at_once,
        die: Callable[[], NoReturn] = die_here,
    ) -> None:
        self.faults = faults or {}
        self.turn = turn
        self.die = die
        self.count = 0
        self.is_dead = False
        """What else runs in it until it is stopped gets nothing done either."""
        self.met: list[str] = []
        """Where the faults turned out to lie."""
        self.files: set[int] = set()
        """Open for writing."""

    def next(self, place: str) -> str:
        """One operation further; gives its fault, if it has one, to whoever knows how to play it."""
        if self.is_dead:
            self.die()
        self.count += 1
        fault = self.faults.get(self.count, "")
        self.is_dead = fault == "kill"
        if fault:
            self.met.append(f"{fault} at {place}")
        return fault

    def meet(self, place: str, failure: type[Exception]) -> None:
        fault = self.next(place)
        if fault == "kill":
            self.die()
        if fault:
            raise OSError(errno.ENOSPC, f"no space left ({place})") if failure is OSError else failure(place)

    def release_files(self) -> None:
        """As the system does for a process that is dead."""
        for file in self.files:
            os.close(file)
        self.files.clear()


async def together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at one time; when one of them dies, all are dead."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        await stop(tasks)


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# The database


class Opens(Protocol):
    """What the ledger uses of a `Database`."""

    def write(self) -> Any: ...

    def read(self) -> Any: ...


class EdgedDatabase:
    def __init__(self, inner: Opens, edge: Edge) -> None:
        self._inner = inner
        self._edge = edge

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        await self._edge.turn()
        self._edge.meet("begin", Lost)
        async with self._inner.write() as tx:
            yield cast(Tx, _EdgedTx(tx, self._edge))
            self._edge.meet("commit", Lost)
        self._edge.meet("committed", Lost)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        await self._edge.turn()
        self._edge.meet("begin", Lost)
        async with self._inner.read() as tx:
            yield cast(Tx, _EdgedTx(tx, self._edge))


class _EdgedTx:
    def __init__(self, tx: Any, edge: Edge) -> None:
        self._tx = tx
        self._edge = edge
        self.dialect = tx.dialect

    async def execute(self, *arguments: Any) -> Any:
        self._edge.meet("statement", Lost)
        return await self._tx.execute(*arguments)

    async def scalar(self, *arguments: Any) -> Any:
        self._edge.meet("statement", Lost)
        return await self._tx.scalar(*arguments)

    async def exec_driver_sql(self, *arguments: Any) -> Any:
        self._edge.meet("statement", Lost)
        return await self._tx.exec_driver_sql(*arguments)


def edged(inner: Opens, edge: Edge) -> Database:
    return cast(Database, EdgedDatabase(inner, edge))


# The files of the journal

_here: ContextVar[Edge | None] = ContextVar("edge", default=None)
"""The process that runs now: in a simulation there are several in one."""


def enter(edge: Edge) -> None:
    """What this task writes from here on is written by that process."""
    _here.set(edge)


def check_alive() -> None:
    """What happens in memory alone meets no edge: the dead do not do that either."""
    edge = _here.get()
    if edge is not None and edge.is_dead:
        edge.die()


@contextmanager
def edged_files(*, syncs: bool) -> Iterator[None]:
    """The journal meets this instead of the system. Without `syncs` nothing waits for a disk."""
    sync = journal._sync

    def edged_sync(file: int) -> None:
        edge = _here.get()
        if edge is not None:
            edge.meet("sync", OSError)
        if syncs:
            sync(file)

    module: Any = journal
    module.os, module._sync = _EdgedOs(), edged_sync
    try:
        yield
    finally:
        module.os, module._sync = os, sync


class _EdgedOs:
    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, *arguments: Any) -> int:
        edge = _here.get()
        if edge is None:
            return os.open(*arguments)
        edge.meet("open", OSError)
        file = os.open(*arguments)
        edge.files.add(file)
        return file

    def close(self, file: int) -> None:
        edge = _here.get()
        if edge is not None:
            edge.files.discard(file)
        os.close(file)

    def write(self, file: int, data: bytes) -> int:
        edge = _here.get()
        if edge is None:
            return os.write(file, data)
        edge.meet("write", OSError)
        if fault := edge.next("half a write"):
            written = os.write(file, data[: len(data) // 2])
            if fault == "kill":
                edge.die()
            return written
        written = os.write(file, data)
        if edge.next("written") == "kill":
            edge.die()
        return written
