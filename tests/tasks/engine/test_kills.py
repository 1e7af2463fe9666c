"""Server or worker fails, or dies, at its N-th operation, for every N: each task ends once, and the sum is right."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from tests.bank.edge import Killed, edged_files, enter
from tests.bank.memory import Memory, migrated
from tests.store.databases import Databases
from tests.tasks.engine.house import PRICE, House, Studio, known_studios

from pronghorn.errors import PronghornError
from pronghorn.store import Database
from pronghorn.tasks.engine import FIND_FOR_MS
from pronghorn.tasks.repository import SUBMIT_MS

SONG = [{"id": "clip-1", "status": "complete", "audio_url": "https://cdn.example/1.mp3"}]
USD_10 = 10 * 10**9
MOST = 120
"""No scenario has so many operations."""

Act = Callable[[House], Awaitable[object]]


async def submitted(house: House) -> None:
    await house.submit()


async def refused(house: House) -> None:
    house.studio.refuses = (400, {"code": "invalid_request", "message": "no", "data": None})
    await house.submit()


async def dropped(house: House) -> None:
    house.studio.drops = True
    await house.submit()


async def looked_at(house: House) -> None:
    house.studio.say_all("IN_PROGRESS", progress="50%")
    await house.look()


async def succeeded(house: House) -> None:
    house.studio.say_all("SUCCESS", data=SONG)
    await house.look()


async def failed(house: House) -> None:
    house.studio.say_all("FAILURE", fail_reason="no")
    await house.look()


async def timed_out(house: House) -> None:
    await house.look(10_000)


async def cancelled(house: House) -> None:
    (row,) = await house.rows()
    view = await house.server.find(row.id)
    assert view is not None
    await house.server.cancel(view)


BEFORE: dict[Act, Act | None] = {
    submitted: None,
    refused: None,
    dropped: None,
    looked_at: submitted,
    succeeded: submitted,
    failed: submitted,
    timed_out: submitted,
    cancelled: submitted,
}


async def play(house: House, act: Act, fault: str, number: int) -> bool:
    """False: there is no operation with this number."""
    before = BEFORE[act]
    if before is not None:
        await before(house)
    house.edge.faults = {house.edge.count + number: fault}
    try:
        await act(house)
    except (Killed, PronghornError):
        pass
    except Exception as error:
        assert type(error).__name__ == "Lost"
    return bool(house.edge.met)


async def live_on(house: House) -> None:
    """Another life, in which the vendor has done what it took."""
    house.die()
    house.studio.drops, house.studio.refuses = False, None
    await house.start()
    for job in house.studio.jobs.values():
        if job["status"] in ("SUBMITTED", "IN_PROGRESS"):
            job |= {"status": "SUCCESS", "data": SONG}
    for _ in range(4):
        await house.look((SUBMIT_MS + FIND_FOR_MS) / 1000 / 2)


async def check(house: House) -> None:
    rows = await house.rows()
    assert len(rows) <= 1 and len(house.studio.jobs) <= 1, "nothing was asked for twice"
    assert all(row.finished_ms is not None for row in rows), "each has ended"
    assert await house.pending() == 0, "no hold is left"
    paid = sum(row.cost for row in rows)
    assert paid in (0, PRICE)
    succeeded = [row for row in rows if row.state == "succeeded"]
    assert paid == PRICE * len(succeeded), "what was made is paid for, and nothing else"
    assert await house.balance() == USD_10 - paid
    log = await house.log()
    assert sum(row.cost for row in log) == paid and len({row.id for row in log}) == len(log) <= 1
    await house.check_books()


@asynccontextmanager
async def opened(database: Database, folder: Path) -> AsyncIterator[House]:
    async with Studio().running() as studio:
        house = House(database, folder, studio)
        enter(house.edge)
        await house.open()
        yield house
        house.die()
        await house.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated database, as bytes."""
    return asyncio.run(migrated(tmp_path_factory.mktemp("template")))


FAILURES = (refused, dropped, looked_at, failed, timed_out)
"""Acts whose every failing operation is left to the nightly set: each dies here, at every one."""


@pytest.mark.parametrize(
    ("act", "fault"),
    [(act, "kill") for act in BEFORE]
    + [pytest.param(act, "fail", marks=[pytest.mark.nightly] if act in FAILURES else []) for act in BEFORE],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_in_memory(act: Act, fault: str, template: bytes, tmp_path: Path) -> None:
    with known_studios(), edged_files(syncs=False):
        for number in range(1, MOST):
            memory = cast(Database, Memory(template))
            async with opened(memory, tmp_path / f"{number}") as house:
                is_met = await play(house, act, fault, number)
                await live_on(house)
                await check(house)
            memory.close()  # type: ignore[unused-coroutine]
            if not is_met:
                assert number > 5, "the operations of an act are counted"
                return
    pytest.fail("more operations than were expected")


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["fail", "kill"])
@pytest.mark.parametrize("act", BEFORE, ids=lambda act: act.__name__)
async def test_on_a_real_database(act: Act, fault: str, databases: Databases, tmp_path: Path) -> None:
    with known_studios(), edged_files(syncs=False):
        for number in range(1, MOST):
            async with databases.migrated() as database, opened(database, tmp_path / f"{number}") as house:
                is_met = await play(house, act, fault, number)
                await live_on(house)
                await check(house)
            if not is_met:
                return
    pytest.fail("more operations than were expected")
