"""One machine on SQLite: somebody keeps the lock, or the disk is full. Nothing is served that is not durable."""

import asyncio
import contextlib
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from tests.faults import fleet
from tests.faults.fleet import Fleet
from tests.faults.harness import Gateway, running
from tests.faults.raw import RawAnswer, call, request
from tests.faults.upstream import completion, whole

from pronghorn.ledger.audit import audit

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PER_CALL = {"per_call_usd": "0.0001"}
BUSY_S = 11.0
"""SQLite waits 5 s for the lock, and one who came before may be waiting for it."""
FOREVER = resource.RLIM_INFINITY


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet.running(tmp_path_factory.mktemp("machine"), 1, "") as found:
        await found.prepare(PER_CALL)
        found.upstream.plays(*whole(completion()))
        yield found


def database_of(machine: Fleet) -> Path:
    return Path(machine.database_url.partition(":///")[2])


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """By somebody who is neither the server nor its worker."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 5000")
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def full_disk(machine: Fleet) -> Iterator[None]:
    """No file of the server or its worker takes a byte more: journal, database, log, or whatever else they write."""
    server = psutil.Process(machine.first.installation.pid)
    processes = [server, *server.children(recursive=True)]
    assert len(processes) == 2

    def allow(size: int) -> None:
        for process in processes:
            process.rlimit(psutil.RLIMIT_FSIZE, (size, FOREVER))

    allow(0)
    try:
        yield
    finally:
        allow(FOREVER)


async def test_a_lock_that_is_kept_stops_only_those_who_need_it(machine: Fleet) -> None:
    """T50."""
    leased, known = await machine.account("100")
    unleased, poor = await machine.account("100")
    assert (await machine.first.ask(known)).status == 200
    with locked(database_of(machine)):
        begun = time.monotonic()
        answers = await asyncio.gather(*(machine.first.ask(known) for _ in range(100)))
        assert {answer.status for answer in answers} == {200}
        assert time.monotonic() - begun < BUSY_S
        begun = time.monotonic()
        answer = await machine.first.ask(poor)
        assert (answer.status, answer.error["code"]) == (503, "unavailable")
        assert time.monotonic() - begun < BUSY_S
        status, problem = await machine.first.try_to_manage("POST", "/accounts", {"name": "b"})
        assert (status, problem["error"]["code"]) == (503, "unavailable")
        assert (await machine.first.try_to_manage("GET", "/accounts"))[0] == 200
    assert (await machine.first.ask(poor)).status == 200
    await machine.rows(leased, 101)
    assert Decimal((await machine.standing(leased))["spent_usd"]) == Decimal("0.0101")
    await machine.rows(unleased, 2)
    await machine.assert_books()


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_full_disk_refuses_before_the_vendor_is_asked_and_recovers_alone(
    machine: Fleet, is_stream: bool
) -> None:
    """T51: only the call that finds the disk full has reached the vendor; it is not charged, and not served."""
    account, key = await machine.account("100")
    assert (await machine.first.ask(key)).status == 200
    before = len(machine.upstream.seen)
    with full_disk(machine):
        found = await machine.first.ask(key)
        assert (found.status, found.error["code"]) == (503, "unavailable")
        answers = [await machine.first.ask(key, stream=is_stream) for _ in range(20)]
        assert {(answer.status, answer.error["code"]) for answer in answers} == {(503, "unavailable")}
        assert all("journal" in answer.error["message"] for answer in answers)
        assert len(machine.upstream.seen) - before <= 1
        status, problem = await machine.first.try_to_manage("POST", "/accounts", {"name": "b"})
        assert (status, problem["error"]["code"]) == (503, "unavailable")
    answer = await _served(machine, key)
    assert answer.status == 200
    rows = await machine.rows(account, 2)
    assert {row["status"] for row in rows} == {200}
    assert Decimal((await machine.standing(account))["spent_usd"]) == Decimal("0.0002")
    assert (await machine.first.try_to_manage("POST", "/accounts", {"name": "b"}))[0] == 201
    await machine.assert_books()
    with contextlib.closing(sqlite3.connect(database_of(machine))) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def _served(machine: Fleet, key: str) -> RawAnswer:
    async with asyncio.timeout(fleet.SETTLED_S):
        while (answer := await machine.first.ask(key)).status != 200:
            await asyncio.sleep(0.05)
    return answer


class LongDay:
    """The system's clock, on which minutes can be let pass."""

    now = staticmethod(time.time)

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed_s


async def test_after_a_quarter_of_an_hour_without_a_database_nothing_new_is_taken(tmp_path: Path) -> None:
    """T50: ten minutes pass unnoticed, sixteen do not; what waits in the journal is posted once it can be."""
    clock = LongDay()
    async with running(tmp_path, clock) as gateway:
        case = await gateway.case(price=PER_CALL)
        gateway.upstream.plays(*whole(completion()))
        assert (await case.chat()).status == 200
        await gateway.post()
        await _look(gateway)
        with locked(tmp_path / "pronghorn.db"):
            assert (await case.chat()).status == 200
            await _look(gateway)
            clock.passed_s += 10 * 60
            await _look(gateway)
            assert (await case.chat()).status == 200
            clock.passed_s += 6 * 60
            await _look(gateway)
            answer = await case.chat()
            assert (answer.status, answer.error["code"]) == (503, "unavailable")
            assert "does not keep up" in answer.error["message"]
            assert len(gateway.upstream.seen) == 3
            ready = await call(gateway.port, request("GET", "/readyz"))
            assert (ready.status, ready.json()["journal"]) == (503, "blocked")
        await gateway.post()
        await _look(gateway)
        assert (await case.chat()).status == 200
        assert [row.status for row in await case.rows()] == [200, 200, 200, 503, 200]
        await case.assert_invariants()
        async with gateway.inner.database.read() as tx:
            assert (await audit(tx)).differences == []


async def _look(gateway: Gateway) -> None:
    """Until the housekeeping has looked at the journal once more from now on."""
    journal, seen = gateway.inner.journal, asyncio.Event()
    note = journal.note_posted

    def noted(posted: int, written: int, now_s: float) -> None:
        note(posted, written, now_s)
        seen.set()

    journal.note_posted = noted  # type: ignore[method-assign]
    async with asyncio.timeout(fleet.SETTLED_S):
        await seen.wait()
        seen.clear()
        await seen.wait()  # the first one may have begun before
    journal.note_posted = note  # type: ignore[method-assign]
