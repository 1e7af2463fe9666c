"""Stopped in the middle of traffic: readiness falls first, what has begun ends whole, and no call is lost."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.faults import raw
from tests.faults.raw import RawAnswer, request
from tests.faults.upstream import (
    DONE,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    USED,
    Seen,
    Step,
    chunk,
    completion,
    whole,
)
from tests.trust.live import Live, live

pytestmark = pytest.mark.timeout(120)

CALLERS = 16
STREAMS = 12


LOOK_S = 0.02


@dataclass
class Balancer:
    """In front of this server: it looks at its readiness, and sends no more once that has fallen."""

    is_ready: bool = True
    answers: list[RawAnswer] = field(default_factory=list)
    refused: int = 0
    """Connections that were not taken: it goes to another server, nothing was sent."""
    lost: list[str] = field(default_factory=list)
    """Calls that were sent on a connection that was taken, and not answered whole."""

    async def watch(self, found: Live) -> None:
        while self.is_ready:
            try:
                self.is_ready = await found.ready() == 200
            except (ConnectionError, asyncio.IncompleteReadError):
                self.is_ready = False
            await asyncio.sleep(LOOK_S)

    async def call(self, found: Live, number: int) -> bool:
        try:
            connection = raw.RawConnection(*await asyncio.open_connection("127.0.0.1", found.port))
        except ConnectionRefusedError:
            self.refused += 1
            return False
        try:
            await connection.send(found.request(f"call {number}"))
            answer = await connection.answer()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.lost.append(repr(error))
            return True
        finally:
            with contextlib.suppress(ConnectionError):
                await connection.close()
        self.answers.append(answer)
        return True


def choose(release: asyncio.Event) -> Callable[[Seen], Sequence[Step]]:
    def script(seen: Seen) -> tuple[Step, ...]:
        if not seen.json().get("stream"):
            return whole(completion())
        return STREAM_HEAD, chunk(ROLE), chunk(ONE), release, *map(chunk, (FINISH, USED, DONE)), LAST_CHUNK

    return script


@contextlib.asynccontextmanager
async def streams(found: Live, release: asyncio.Event) -> AsyncIterator[list[asyncio.Task[RawAnswer]]]:
    """Open, each with its first word at the caller's; they end once they are released."""
    begun = [asyncio.Event() for _ in range(STREAMS)]

    def on_word(event: asyncio.Event) -> raw.OnData:
        return lambda answer: event.set() if b"one" in answer.body else None

    calls = [
        asyncio.ensure_future(raw.call(found.port, found.request("s", stream=True), on_data=on_word(one)))
        for one in begun
    ]
    await asyncio.wait_for(asyncio.gather(*(one.wait() for one in begun)), 10)
    try:
        yield calls
    finally:
        release.set()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_no_call_is_lost_when_the_server_stops_under_load(tmp_path: Path) -> None:
    release, balancer = asyncio.Event(), Balancer()
    async with live(tmp_path) as found:
        found.upstream.choose = choose(release)

        async def caller(number: int) -> None:
            while balancer.is_ready and await balancer.call(found, number):
                pass

        async with streams(found, release) as calls:
            watching = asyncio.ensure_future(balancer.watch(found))
            callers = [asyncio.ensure_future(caller(number)) for number in range(CALLERS)]
            while len(balancer.answers) < 200:
                await asyncio.sleep(0.01)
            stopping = asyncio.ensure_future(asyncio.to_thread(found.installation.stop))
            await asyncio.wait_for(asyncio.gather(watching, *callers), 20)
            assert not any(call.done() for call in calls)
            release.set()
            answers = await asyncio.gather(*calls)
        assert await stopping == 0
        print(
            f"\n{len(balancer.answers)} answered, {balancer.refused} refused, lost: {Counter(balancer.lost)}"
        )
        assert balancer.lost == []
        assert {(answer.status, answer.is_whole) for answer in balancer.answers} == {(200, True)}
        assert all(answer.is_whole and b"[DONE]" in answer.body for answer in answers)
        await asyncio.to_thread(found.installation.start)
        rows = await found.check_books()
        assert len(rows) == len(balancer.answers) + STREAMS
        assert {row["end_reason"] for row in rows} == {"ok"}


async def test_readiness_falls_before_the_door_closes(tmp_path: Path) -> None:
    release = asyncio.Event()
    async with live(tmp_path) as found:
        found.upstream.choose = choose(release)
        async with streams(found, release):
            assert await found.ready() == 200
            os.kill(found.installation.pid, signal.SIGTERM)
            seen = await statuses_until_refused(found)
            print(f"\n{Counter(seen)} until the door was closed")
            assert 503 in seen, "a balancer was never told"
            assert 200 not in seen[seen.index(503) :]
        assert await asyncio.to_thread(found.installation.stop) == 0


async def statuses_until_refused(found: Live) -> list[int]:
    seen: list[int] = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            seen.append((await raw.call(found.port, request("GET", "/readyz"))).status)
        except (ConnectionError, asyncio.IncompleteReadError):
            return seen
    raise AssertionError("the door was never closed")


async def test_callers_who_were_let_in_are_answered(tmp_path: Path) -> None:
    """Their connections were taken before the stop, and their requests, or the rest of them, come right after."""
    async with live(tmp_path) as found:
        found.upstream.plays(*whole(completion()))
        data = found.request("just in time")
        async with raw.connect(found.port) as silent, raw.connect(found.port) as begun:
            await begun.send(data[:40])
            async with raw.connect(found.port) as watching:
                await watching.send(request("GET", "/readyz"))
                assert (await watching.answer()).status == 200
                os.kill(found.installation.pid, signal.SIGTERM)
                await watching.reader.read()  # closed: now the server has begun to stop
            answers = [await answered(silent, data), await answered(begun, data[40:])]
        for answer in answers:
            assert answer is not None, "let in, and sent away without a word"
            assert answer.status == 200 or (answer.status == 503 and answer.header("retry-after"))


async def answered(connection: raw.RawConnection, rest: bytes) -> RawAnswer | None:
    try:
        await connection.send(rest)
        return await connection.answer()
    except (ConnectionError, asyncio.IncompleteReadError):
        return None
