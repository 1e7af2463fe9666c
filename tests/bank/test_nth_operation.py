"""The N-th operation fails, or is the last one, for every N: asked again, it is done once, and the books agree."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.bank import audit
from tests.bank.edge import Edge, Killed, Lost, at_once, edged, edged_files, enter, together
from tests.bank.memory import Memory
from tests.bank.plan import Step
from tests.bank.promises import Promises
from tests.bank.simulation import small
from tests.bank.teller import Teller, Worker, open_accounts

from pronghorn.kit.clock import FakeClock
from pronghorn.store import Database

MOST = 200
"""No scenario has so many operations."""
SERVER = "server1"


class Stage:
    """One server on one database. `act` is what is to fail; it is done again after that."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.promises = Promises()
        self.clock = FakeClock()
        self.edge = Edge()
        self.teller: Teller | None = None

    @property
    def there(self) -> Teller:
        assert self.teller is not None
        return self.teller

    async def start(self) -> None:
        database = edged(self.database, self.edge)
        self.teller = await Teller.start(database, self.folder, SERVER, self.clock, self.promises)

    async def do(self, kind: str, amount: int = 0, charge: int = 0) -> None:
        await getattr(self.there, kind)(Step(kind, 0, amount, charge), at_once)

    async def request(self) -> None:
        await self.do("request", 100, 60)

    async def post(self) -> None:
        await Worker(edged(self.database, self.edge), self.folder, self.clock).post()

    def achieved(self) -> int:
        return len(self.promises.settled) + len(self.promises.done) + len(self.promises.resolved)

    def die(self) -> None:
        """What it had in memory is gone."""
        self.edge.release_files()
        self.edge = Edge()
        enter(self.edge)
        self.teller = None

    async def look(self) -> None:
        books = await audit.read(self.database)
        audit.look(books, self.promises)
        if self.teller is not None:
            # Only where a commit's answer is lost may money lie idle until the next start.
            exactly = not any("commit" in fault for fault in self.edge.met)
            audit.look_at_purse(books, self.promises, self.teller, exactly=exactly)


Act = Callable[[Stage], Awaitable[None]]


async def nothing(stage: Stage) -> None:
    await stage.do("deposit", 5_000)


async def some_requests(stage: Stage) -> None:
    await nothing(stage)
    for _ in range(3):
        await stage.request()


async def a_death(stage: Stage) -> None:
    """Leaves a lease, and a journal that is not posted."""
    await some_requests(stage)
    stage.die()


async def start_and_end(stage: Stage) -> None:
    if stage.teller is None:
        await stage.start()
    teller, stage.teller = stage.there, None  # a process ends, even if the disk refuses its last sync
    await teller.close()


async def lease_and_return(stage: Stage) -> None:
    await stage.request()
    await stage.do("back")


async def many_requests(stage: Stage) -> None:
    """Over the end of a segment."""
    for _ in range(3):
        await stage.request()


async def two_open_requests(stage: Stage) -> None:
    """The second is settled whatever became of the first."""
    step = Step("request", 0, 100, 60, pauses=2)
    await together([stage.there.request(step, at_once) for _ in range(2)])


async def place_and_resolve(stage: Stage) -> None:
    await stage.do("task", 400, 250)


async def move_and_resolve(stage: Stage) -> None:
    await stage.do("submit", 400, 250)


SCENARIOS: dict[str, tuple[Act, Act]] = {
    "deposit": (nothing, lambda stage: stage.do("deposit", 700)),
    "top-up": (nothing, lambda stage: stage.do("top_up", 700)),
    "withdrawal": (some_requests, lambda stage: stage.do("withdraw", 300)),
    "taking out": (nothing, lambda stage: stage.do("take_out", 300)),
    "lease and settlement": (nothing, Stage.request),
    "settlement": (some_requests, Stage.request),
    "settlements over the end of a segment": (nothing, many_requests),
    "settlements of two": (some_requests, two_open_requests),
    "hold in the database": (nothing, place_and_resolve),
    "hold that is moved there": (some_requests, move_and_resolve),
    "return": (some_requests, lease_and_return),
    "posting": (some_requests, Stage.post),
    "start after a death": (a_death, start_and_end),
    "end": (some_requests, start_and_end),
}


AFTER_WHICH_NOTHING_IS_LEFT = (Stage.post, start_and_end)
"""Whether these succeeded shows at the end."""


REAL = ("sqlite", "postgresql")
"""Each operation takes its time there."""


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.nightly) for name in REAL)])
async def bank(request: pytest.FixtureRequest, template: bytes) -> AsyncIterator[Database]:
    if request.param == "memory":
        memory = Memory(template)
        yield cast(Database, memory)
        memory.close()
    else:
        async with request.getfixturevalue(request.param).migrated() as database:
            yield database


@pytest.fixture(autouse=True)
def _at_the_edge() -> Iterator[None]:
    """Small segments and batches: each scenario goes over the end of some."""
    with edged_files(syncs=False), small(segment_bytes=300, batch=2):
        yield


@pytest.mark.parametrize("fault", ["fail", "kill"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_whatever_fails_is_done_once_and_the_books_agree(
    bank: Database, tmp_path: Path, name: str, fault: str
) -> None:
    prepare, act = SCENARIOS[name]
    stage = Stage(bank, tmp_path)
    await open_accounts(bank, [0], stage.promises)
    for number in itertools.count(1):
        assert number < MOST
        enter(stage.edge)
        await stage.start()
        await prepare(stage)
        if not await _fails(stage, act, number, fault):
            break
    assert number > 3


async def _fails(stage: Stage, act: Act, number: int, fault: str) -> bool:
    """False: there are not so many operations."""
    edge = stage.edge
    edge.faults = {edge.count + number: fault}
    try:
        await act(stage)
    except (Killed, Lost, OSError):
        assert edge.met
    edge.faults = {}
    if fault == "kill" and edge.met:
        stage.die()
    await stage.look()
    if stage.teller is None:
        await stage.start()
    before = stage.achieved()
    await act(stage)
    assert stage.achieved() > before or act in AFTER_WHICH_NOTHING_IS_LEFT, "it does not recover"
    await stage.look()
    await _end(stage)
    return bool(edge.met)


async def _end(stage: Stage) -> None:
    """A start, an end in good order, and all posted: nothing may be left."""
    stage.die()
    await stage.start()
    await stage.there.close()
    stage.teller = None
    await stage.post()
    audit.look_at_the_end(await audit.read(stage.database), stage.promises)
