"""Too few files, too many large bodies: what cannot be served is told so, and nothing falls over."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import psutil
import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.raw import RawAnswer
from tests.faults.upstream import Seen, completion, whole
from tests.trust.live import Live, live, settled_memory

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

FILES = 256
FITTING = 40
"""Calls at once, with two files each: a load that fits well."""
VENDOR_S = 0.1
WINDOW_S = 2.0
GOODPUT = 0.8
MIB = 2**20
BODY_BYTES, ROOM_BYTES = MIB, 8 * MIB


async def think(_writer: asyncio.StreamWriter, _seen: Seen) -> None:
    await asyncio.sleep(VENDOR_S)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    async with live(folder, files=FILES, bodies_in_flight_bytes=ROOM_BYTES) as found:
        found.upstream.choose = lambda _: (think, *whole(completion()))
        yield found


@dataclass
class Window:
    """What a number of callers got who ask again as soon as they are answered, or told to go away."""

    answers: list[RawAnswer] = field(default_factory=list)
    closed: int = 0
    """Connections that ended without a word."""

    @property
    def good(self) -> int:
        return sum(answer.status == 200 for answer in self.answers)

    async def run(self, found: Live, callers: int) -> "Window":
        until = time.monotonic() + WINDOW_S
        await asyncio.gather(*(self._caller(found, until) for _ in range(callers)))
        return self

    async def _caller(self, found: Live, until: float) -> None:
        while time.monotonic() < until:
            try:
                answer = await found.ask()
            except (ConnectionError, asyncio.IncompleteReadError):
                self.closed += 1
                await asyncio.sleep(0.1)
                continue
            self.answers.append(answer)
            if answer.status != 200:
                await asyncio.sleep(0.1)

    def __str__(self) -> str:
        return f"{Counter(answer.status for answer in self.answers)}, {self.closed} closed without a word"


async def test_three_times_the_load_is_served_as_well_as_it_can_be(gateway: Live) -> None:
    """All callers can be held, and all their calls cannot: who is too many is told so, the others are served."""
    assert gateway.process.rlimit(psutil.RLIMIT_NOFILE) == (FILES, FILES)
    peak = await Window().run(gateway, FITTING)
    assert {answer.status for answer in peak.answers} == {200}
    over = await Window().run(gateway, 3 * FITTING)
    print(f"\npeak: {peak}; three times that: {over}; {gateway.process.num_fds()} files open")
    assert over.closed == 0
    assert_told(over)
    assert over.good >= GOODPUT * peak.good
    await recovered(gateway)
    await gateway.check_books()


async def test_more_callers_than_files_are_no_fault_of_a_vendor(gateway: Live) -> None:
    """Some connections end before they were anybody's: there is no file for them. Nothing else may come of it."""
    over = await Window().run(gateway, FILES)
    print(f"\n{FILES} callers: {over}")
    assert over.good
    assert_told(over)
    await recovered(gateway)
    await gateway.check_books()


def assert_told(window: Window) -> None:
    refused = [answer for answer in window.answers if answer.status != 200]
    assert {answer.status for answer in refused} <= {503}, Counter(answer.status for answer in refused)
    assert {answer.error["code"] for answer in refused} <= {"unavailable"}
    assert all(answer.header("retry-after") for answer in refused)


async def recovered(gateway: Live) -> None:
    """At once: nothing that happened here was a vendor's fault."""
    assert await gateway.ready() == 200
    assert (await gateway.ask()).status == 200


async def test_bodies_beyond_the_room_for_them_are_refused_before_they_are_read(gateway: Live) -> None:
    before = await settled_memory(gateway.process)
    data = gateway.request("a" * BODY_BYTES)
    answers = await asyncio.gather(*(raw.call(gateway.port, data) for _ in range(60)))
    statuses = Counter(answer.status for answer in answers)
    grown = await settled_memory(gateway.process) - before
    print(f"\n{statuses}, {grown / MIB:.0f} MB")
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= ROOM_BYTES // BODY_BYTES - 1
    assert statuses[503]
    assert all(answer.header("retry-after") for answer in answers if answer.status == 503)
    assert grown < 12 * ROOM_BYTES
    await recovered(gateway)
    await gateway.check_books()
