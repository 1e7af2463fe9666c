"""Process: one life of one server of the bank as a process of its own, with its worker; and who starts and ends it.

What it does is the plan's; when it is killed or stopped is the seed's, in milliseconds, so a run is not repeated to
the letter. A named point is: `kill` faults of the plan are the process's own SIGKILL at that very operation.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import random
import shutil
import signal
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy.orm import configure_mappers
from tests.bank import audit
from tests.bank.edge import Edge, Lost, edged, edged_files, enter, stop
from tests.bank.plan import ACCOUNTS, Plan, draw
from tests.bank.promises import Promises
from tests.bank.teller import MODE, Teller, Worker, account_id, heard, open_accounts
from tests.store.databases import Databases

from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import posting
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Database

REPEAT = "python -m tests.bank {seed} --on {kind}"
SPAN_S = 0.4
"""Within so long after its start something befalls a process."""
LIVES = 2
BANKS_A_CORE = 2
OVER_S = 60.0


# The process


async def live(url: str, folder: Path, seed: int, number: int, life: int) -> None:
    plan = draw(seed)
    server, dice = plan.servers[number], random.Random(f"process {seed} {number} {life}")
    edge = Edge(_kills(plan, number, life), _jitter(dice), _die)
    database = Database(url)
    promises = Promises(_appends(folder / f"promises-{number}-{life}"))
    clock, name = FakeClock(), f"server{number}"
    with edged_files(syncs=True):
        enter(edge)
        teller = await _started(edged(database, edge), folder, name, clock, promises, plan)
        worker = Worker(edged(database, Edge(turn=_jitter(dice))), _journal(folder, number), clock)
        posts = asyncio.create_task(worker.go(1_000_000, _pauses(dice)))
        lanes = [steps for life in server.lives for steps in life.lanes]
        await asyncio.gather(*(teller.go(steps, _jitter(dice)) for steps in lanes))
        posts.cancel()
        await asyncio.gather(posts, return_exceptions=True)
        await teller.close()
    await database.close()


async def _started(
    database: Database, folder: Path, name: str, clock: FakeClock, promises: Promises, plan: Plan
) -> Teller:
    journal = _journal(folder, int(name[-1]))
    while True:
        try:
            with heard():
                return await Teller.start(database, journal, name, clock, promises, plan.limits, plan.sync_ms)
        except Lost:
            await asyncio.sleep(0.05)


def _kills(plan: Plan, number: int, life: int) -> dict[int, str]:
    lives = plan.servers[number].lives
    faults = lives[life].faults if life < len(lives) else {}
    return {count: fault for count, fault in faults.items() if fault == "kill" and life < LIVES - 1}


def _jitter(dice: random.Random) -> Any:
    async def turn() -> None:
        await asyncio.sleep(dice.choice((0, 0, dice.random() / 200)))

    return turn


def _pauses(dice: random.Random) -> Any:
    """Of a worker, which looks again and again: it shall not take all the time that there is."""

    async def turn() -> None:
        await asyncio.sleep(dice.random() / 20)

    return turn


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives that")


def _appends(path: Path) -> Any:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return lambda line: os.write(file, line.encode())


def _journal(folder: Path, number: int) -> Path:
    return folder / str(number) / "journal"


def _run(url: str, folder: Path, seed: int, number: int, life: int) -> None:
    try:
        asyncio.run(live(url, folder, seed, number, life))
    except BaseException:
        (folder / f"error-{number}-{life}").write_text(traceback.format_exc())
        raise


# Who starts and ends them

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])
"""Each process is a fork of one that has imported everything and opened nothing."""
configure_mappers()
gc.freeze()  # else the first collection of each fork copies all of it


async def play(databases: Databases, folder: Path, seed: int, kind: str) -> str:
    """Empty, or what went wrong and how to see it again."""
    here = folder / f"seed-{seed}"
    here.mkdir()
    try:
        async with databases.migrated() as database:
            bank = Bank(database, here, seed)
            await bank.run()
            assert bank.looks
    except Exception:
        # Whatever a seed brings to light is told with the seed, and the others are played all the same.
        return f"seed {seed}: {traceback.format_exc()}\n  {REPEAT.format(seed=seed, kind=kind)}"
    finally:
        shutil.rmtree(here)
    return ""


async def play_all(databases: Databases, folder: Path, seeds: Iterable[int], kind: str) -> list[str]:
    """What went wrong. Some banks are open at once: each of them waits more than it works."""
    left, wrong = iter(seeds), list[str]()

    async def play_some() -> None:
        for seed in left:
            if found := await play(databases, folder, seed, kind):
                wrong.append(found)

    await asyncio.gather(*(play_some() for _ in range(BANKS_A_CORE * (os.cpu_count() or 1))))
    return wrong


async def _ended(sentinel: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sentinel)


class Bank:
    def __init__(self, database: Database, folder: Path, seed: int) -> None:
        self.plan = draw(seed)
        self.kills = 0
        self.looks = 0
        self._looked = asyncio.Event()
        self._database = database
        self._folder = folder
        self._dice = random.Random(f"bank of processes {seed}")

    async def run(self) -> None:
        opening = Promises(_appends(self._folder / "promises-opening"))
        await open_accounts(self._database, self.plan.deposits, opening)
        looking = asyncio.create_task(self._look_again_and_again())
        looking.add_done_callback(
            lambda _: self._looked.set()
        )  # one that failed says why, and is not waited for
        besides = [looking, asyncio.create_task(self._lock_wallets())]
        try:
            async with asyncio.timeout(OVER_S):
                await asyncio.gather(*(self._serve(number) for number in range(len(self.plan.servers))))
                await self._looked.wait()
        finally:
            await stop(besides)
        for task in besides:
            assert task.cancelled(), task.exception()
        await self._end()

    async def _serve(self, number: int) -> None:
        """All lives of one server; each but the last may be killed."""
        for life in range(LIVES):
            arguments = (self._database.url, self._folder, self.plan.seed, number, life)
            process = _processes.Process(target=_run, args=arguments)
            process.start()
            befalling = asyncio.create_task(self._befall(process.pid or 0, is_last=life == LIVES - 1))
            await _ended(process.sentinel)
            befalling.cancel()
            error = self._folder / f"error-{number}-{life}"
            assert process.exitcode in (0, -signal.SIGKILL), error.read_text()
            self.kills += process.exitcode != 0
            process.close()

    async def _befall(self, pid: int, *, is_last: bool) -> None:
        await asyncio.sleep(self._dice.random() * SPAN_S)
        with contextlib.suppress(ProcessLookupError):
            if self._dice.random() < 0.5:
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(self._dice.random() * SPAN_S)
                if self._dice.random() < 0.3 and not is_last:
                    os.kill(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGCONT)
            elif not is_last:
                os.kill(pid, signal.SIGKILL)

    async def _lock_wallets(self) -> None:
        """Now and then somebody else has all wallets, or on SQLite the database, for a while."""
        while True:
            await asyncio.sleep(self._dice.random())
            with contextlib.suppress(Lost), heard():
                async with self._database.write() as tx:
                    for account in range(ACCOUNTS):
                        await AccountPot(account_id(account), MODE).lock(tx)
                    await asyncio.sleep(self._dice.random() / 4)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            try:
                with heard():
                    books = await audit.read(self._database)
            except Lost:
                continue
            audit.look(books, self._promises(), self.plan.limits)
            self.looks += 1
            self._looked.set()

    def _promises(self) -> Promises:
        found = Promises()
        for path in self._folder.glob("promises-*"):
            found.read(path.read_text())
        return found

    async def _end(self) -> None:
        promises = self._promises()
        for number in range(len(self.plan.servers)):
            clock, folder = FakeClock(), _journal(self._folder, number)
            teller = await Teller.start(self._database, folder, f"server{number}", clock, promises)
            await teller.close()
            await posting.post_all(self._database, folder, clock)
        audit.look_at_the_end(await audit.read(self._database), promises, self.plan.limits)
