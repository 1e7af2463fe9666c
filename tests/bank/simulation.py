"""Simulation: the four servers of a plan in one process, step by step, with a look at the books after each commit.

`kill -9` drops a server's objects as they are: its journal's files stay, its transaction is rolled back, nobody
hears of it again. What runs is the ledger itself; only time, the order of the steps and the faults are the plan's.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from tests.bank import audit
from tests.bank.edge import Edge, Killed, Lost, edged, edged_files, enter, stop, together
from tests.bank.memory import Memory
from tests.bank.plan import Faults, Life, Plan
from tests.bank.promises import Promises
from tests.bank.schedule import Schedule
from tests.bank.teller import Teller, Worker, open_accounts

from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import journal, posting
from pronghorn.store import Database


class Simulation:
    def __init__(self, plan: Plan, memory: Memory, folder: Path) -> None:
        self.plan = plan
        self.promises = Promises()
        self.faults: list[str] = []
        """What befell whom."""
        self._memory = memory
        self._folder = folder
        self._schedule = Schedule(plan.seed, plan.freezes)
        self._clocks = [FakeClock() for _ in plan.servers]
        self._alive: dict[int, Teller] = {}

    async def run(self) -> None:
        """Raises `AssertionError` if money does not add up at any moment."""
        await open_accounts(cast(Database, self._memory), self.plan.deposits, self.promises)
        self._memory.on_commit = self._look
        with edged_files(syncs=False), small(self.plan.segment_bytes, self.plan.batch):
            servers = range(len(self.plan.servers))
            tasks = [asyncio.create_task(self._serve(number)) for number in servers]
            tasks += [asyncio.create_task(self._work(number)) for number in servers]
            try:
                await self._schedule.run(tasks)
            finally:
                await stop(tasks)
            await self._end()

    def _look(self) -> None:
        books = self._memory.books()
        audit.look(books, self.promises, self.plan.limits)
        audit.look_from_outside(self.promises, self.plan.limits)
        for teller in self._alive.values():
            audit.look_at_purse(books, self.promises, teller)

    # Servers

    async def _serve(self, number: int) -> None:
        for life in self.plan.servers[number].lives:
            # What keeps a server from starting does not last: without faults it serves.
            if not await self._live(number, life, life.faults):
                assert await self._live(number, life, {}), f"server{number} does not start any more"

    async def _live(self, number: int, life: Life, faults: Faults) -> bool:
        """False: it died before it could serve."""
        edge = self._edge(number, faults)
        enter(edge)
        try:
            teller = await self._start(number, edge)
            if teller is None:
                return False
            self._alive[number] = teller
            await together(teller.go(steps, edge.turn) for steps in life.lanes)
            if not any(fault.startswith("fail at commit") for fault in edge.met):
                audit.look_at_purse(self._memory.books(), self.promises, teller, exactly=True)
            await _close(teller)
        except Killed:
            pass
        finally:
            self._alive.pop(number, None)
            edge.release_files()
            self.faults += [f"server{number}: {fault}" for fault in edge.met]
        return True

    async def _start(self, number: int, edge: Edge) -> Teller | None:
        database, folder, clock = edged(self._memory, edge), self._folder_of(number), self._clocks[number]
        try:
            return await Teller.start(
                database,
                folder,
                f"server{number}",
                clock,
                self.promises,
                self.plan.limits,
                self.plan.sync_ms,
            )
        except (Killed, Lost, OSError):
            return None

    async def _work(self, number: int) -> None:
        server = self.plan.servers[number]
        edge = self._edge(number, server.worker_faults)
        is_over = False
        while not is_over:
            try:
                enter(edge)
                worker = Worker(edged(self._memory, edge), self._folder_of(number), self._clocks[number])
                await worker.go(server.posts, edge.turn)
                is_over = True
            except Killed:
                edge.is_dead = False  # `up` starts another
        self.faults += [f"worker{number}: {fault}" for fault in edge.met]

    def _edge(self, number: int, faults: Faults) -> Edge:
        return Edge(faults, lambda: self._schedule.turn(number))

    def _folder_of(self, number: int) -> Path:
        return self._folder / ("shared" if self.plan.shares_folder else str(number))

    async def _end(self) -> None:
        """Each server starts once more and ends in good order; then nothing may be left."""
        for number in range(len(self.plan.servers)):
            edge = Edge()
            enter(edge)
            database, folder, clock = edged(self._memory, edge), self._folder_of(number), self._clocks[number]
            teller = await Teller.start(database, folder, f"server{number}", clock, self.promises)
            await teller.close()
            await posting.post_all(database, folder, clock)
        audit.look_at_the_end(self._memory.books(), self.promises, self.plan.limits)
        left = [segment.path.name for segment in journal.segments(self._folder) if segment.size()]
        assert not left, f"journals that are not posted: {left}"


@contextmanager
def small(segment_bytes: int, batch: int) -> Iterator[None]:
    """The ledger's own bounds, only smaller."""
    before = journal.SEGMENT_BYTES, posting.BATCH
    journal.SEGMENT_BYTES, posting.BATCH = segment_bytes, batch
    try:
        yield
    finally:
        journal.SEGMENT_BYTES, posting.BATCH = before


async def _close(teller: Teller) -> None:
    with contextlib.suppress(OSError):  # the disk refuses the last sync: the process ends all the same
        await teller.close()
