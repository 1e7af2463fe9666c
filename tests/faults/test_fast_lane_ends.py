"""A flight that the caller, the server or the disk ends before its time: told, settled and given back as ever."""

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer, RawConnection
from tests.faults.test_fast_lane import ask_once, assert_same, plays, quiet, watched
from tests.faults.test_odd_answers import GOOD
from tests.faults.test_stopping import chat, check_books, port_of, prepare, until_refused
from tests.faults.upstream import ScriptedUpstream, Seen, Step, completion, whole
from tests.process import Installation

from pronghorn.api.http_protocol import HttpConnection
from pronghorn.relay.fast_lane import Flight

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE_S = 0.5
(ANSWER,) = whole(GOOD)


# The caller hangs up


def leave(connection: RawConnection, *, hard: bool) -> None:
    if hard:
        linger = struct.pack("ii", 1, 0)
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.writer.close()


@pytest.mark.parametrize("hard", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize(
    "sent", [b"", ANSWER[:40], ANSWER[:-5]], ids=["nothing", "a part of the head", "all but the end"]
)
async def test_the_vendor_is_let_go_at_once_when_the_caller_leaves(
    case: Case, sent: bytes, hard: bool
) -> None:
    upstream = case.gateway.upstream
    script: Sequence[Step] = (*([sent] if sent else []), asyncio.Event())

    async def hang_up(connection: RawConnection) -> None:
        seen = await upstream.reached()
        await asyncio.wait_for(seen.has_body.wait(), 5)
        begun_s = time.monotonic()
        leave(connection, hard=hard)
        await asyncio.wait_for(seen.closed.wait(), 5)
        assert seen.closed_at - begun_s < GONE_S

    fast = await assert_same(case, script, then=hang_up)
    assert fast.is_handed_over
    (row,) = fast.seen["rows"]
    assert (row["end_reason"], row["cost"], len(row["attempts"])) == ("client_gone", 0, 1)
    assert len(fast.seen["calls"]) == 1


async def test_callers_that_leave_at_any_moment_leave_nothing_behind(case: Case) -> None:
    """Whether before, while or after the answer comes: in each turn of the event loop around it."""
    gateway = case.gateway
    with watched(gateway) as flights:
        for number in range(200):
            plays(gateway, whole(completion()))
            async with raw.connect(gateway.port) as connection:
                await connection.send(case.chat_request())
                assert (await connection.answer()).status == 200
                await connection.send(case.chat_request())
                for _ in range(number % 12):
                    await asyncio.sleep(0)
                leave(connection, hard=bool(number % 2))
    await quiet(case)
    assert 50 < len(flights) <= 200
    rows = await case.rows()
    assert {row.end_reason for row in rows} <= {"ok", "client_gone"}
    assert len(rows) == 200 + len(flights)


# The server stops


def connection_of(flight: Flight) -> HttpConnection:
    """The caller's, as the server knows it."""
    found: HttpConnection = flight._sink._connection  # type: ignore[attr-defined]
    return found


async def test_a_flight_that_is_open_at_a_stop_goes_on_as_a_task_and_ends_well(case: Case) -> None:
    release = asyncio.Event()

    async def stop(connection: RawConnection) -> RawAnswer:
        await case.gateway.upstream.reached()
        (flight,) = flights
        server = connection_of(flight)
        assert len(server.tasks) == 0
        server.shutdown()
        assert len(server.tasks) == 1
        release.set()
        return await connection.answer()

    with watched(case.gateway) as flights:
        # The first of a connection is no flight, so it is this one alone.
        ended = await ask_once(case, (release, *whole(GOOD)), then=stop)
    assert ended.answer is not None
    assert (ended.answer.status, ended.answer.body) == (200, GOOD)
    assert ended.answer.header("connection") == "close"
    (row,) = ended.seen["rows"]
    assert (row["end_reason"], row["cost"]) == ("ok", 20_000)


async def test_an_answer_that_comes_in_the_moment_of_the_stop_is_delivered_once(case: Case) -> None:
    """In each of the turns of the event loop around it."""
    for turns in range(12):

        async def stop(connection: RawConnection, turns: int = turns) -> RawAnswer:
            await case.gateway.upstream.reached()
            server = connection_of(flights[-1])
            for _ in range(turns):
                await asyncio.sleep(0)
            server.shutdown()
            return await connection.answer()

        with watched(case.gateway) as flights:
            ended = await ask_once(case, whole(GOOD), then=stop)
        assert ended.answer is not None
        assert (ended.answer.status, ended.answer.body) == (200, GOOD)
        (row,) = ended.seen["rows"]
        assert (row["end_reason"], row["cost"], len(row["attempts"])) == ("ok", 20_000, 1)


async def test_a_flight_that_outlasts_the_stop_is_cancelled_and_settled_as_such(case: Case) -> None:
    async def stop(connection: RawConnection) -> None:
        seen = await case.gateway.upstream.reached()
        server = connection_of(flights[-1])
        server.shutdown()
        (task,) = server.tasks
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait_for(seen.closed.wait(), 5)

    with watched(case.gateway) as flights:
        ended = await ask_once(case, (asyncio.Event(),), then=stop)
    (row,) = ended.seen["rows"]
    assert (row["end_reason"], row["status"], row["cost"]) == ("shutdown", 0, 0)


@pytest_asyncio.fixture(loop_scope="module")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


def whole_chat(key: str) -> bytes:
    return chat(key, 1)


@contextlib.asynccontextmanager
async def known_callers(
    port: int, key: str, count: int
) -> AsyncIterator[tuple[list[RawConnection], list[RawAnswer]]]:
    """Connections on which one request each was answered at the same time, so that as many vendors' are open."""
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(raw.connect(port)) for _ in range(count)]
        for caller in callers:
            await caller.send(whole_chat(key))
        yield callers, [await caller.answer() for caller in callers]


OPEN = 60


async def test_no_flight_of_a_real_server_fails_when_it_is_asked_to_stop(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    installation = Installation(tmp_path, "--no-sandbox")
    first, release = asyncio.Event(), asyncio.Event()

    def choose(_: Seen) -> Sequence[Step]:
        if len(upstream.seen) == OPEN // 2:
            first.set()  # all of them at once: each has a connection of its own, which is then kept
        return (first if len(upstream.seen) <= OPEN // 2 else release, *whole(completion()))

    upstream.choose = choose
    try:
        await asyncio.to_thread(installation.start)
        account, key = await asyncio.to_thread(prepare, installation, upstream.url)
        port = port_of(installation)
        async with known_callers(port, key, OPEN // 2) as (callers, answers):
            for caller in callers:
                await caller.send(whole_chat(key))
            await upstream.reached(OPEN)
            assert upstream.connections == OPEN // 2
            stopping = asyncio.ensure_future(asyncio.to_thread(installation.stop))
            await until_refused(port)
            release.set()
            answers += [await caller.answer() for caller in callers]
        assert await stopping == 0
        assert {(answer.status, answer.is_whole) for answer in answers} == {(200, True)}
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(check_books, installation, account, answers)
    finally:
        await asyncio.to_thread(installation.close)


async def test_a_real_server_does_not_wait_for_a_flight_for_ever(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_text("drain_s = 1\n")
    installation = Installation(tmp_path, "--no-sandbox", "--config", str(config))
    upstream.plays(*whole(completion()))
    try:
        await asyncio.to_thread(installation.start)
        account, key = await asyncio.to_thread(prepare, installation, upstream.url)
        async with known_callers(port_of(installation), key, 1) as (callers, _):
            upstream.plays(asyncio.Event())
            await callers[0].send(whole_chat(key))
            await upstream.reached()
            assert await asyncio.wait_for(asyncio.to_thread(installation.stop), 15) == 0
        await asyncio.to_thread(installation.start)
        rows = await asyncio.to_thread(installation.all_requests, account_id=account)
        standing = await asyncio.to_thread(installation.manage, "GET", f"/accounts/{account}")
    finally:
        await asyncio.to_thread(installation.close)
    ends = sorted((row["end_reason"], Decimal(row["cost_usd"])) for row in rows)
    assert ends == [("ok", Decimal("0.00002")), ("shutdown", Decimal(0))]
    assert Decimal(standing["balance_usd"]) == 10 - Decimal("0.00002")
    assert Decimal(standing["held_usd"]) == 0


# The disk


@contextlib.contextmanager
def no_disk(gateway: Gateway) -> Iterator[None]:
    """The journal's file takes no byte."""
    journal = gateway.inner.journal
    kept, journal._file = journal._file, os.open(os.devnull, os.O_RDONLY)
    try:
        yield
    finally:
        os.close(journal._file)
        journal._file = kept


async def test_an_answer_that_cannot_be_written_down_is_a_503_and_costs_nothing(case: Case) -> None:
    with contextlib.ExitStack() as stack:

        async def break_off(_writer: asyncio.StreamWriter, _: Seen) -> None:
            stack.enter_context(no_disk(case.gateway))

        async def mended(connection: RawConnection) -> RawAnswer:
            answer = await connection.answer()
            stack.close()
            return answer

        fast = await assert_same(case, (break_off, *whole(GOOD)), then=mended)
    assert fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status, fast.answer.error["code"]) == (503, "unavailable")
    assert fast.seen["rows"] == []
    assert len(fast.seen["calls"]) == 1


async def test_answers_of_one_moment_that_cannot_be_written_down_cost_nothing(case: Case) -> None:
    """And once they can, each is charged for itself."""
    gateway, count = case.gateway, 8
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(raw.connect(gateway.port)) for _ in range(count)]

        async def ask_all() -> set[int]:
            release = asyncio.Event()
            plays(gateway, (release, *whole(GOOD)))
            for caller in callers:
                await caller.send(case.chat_request())
            await gateway.upstream.reached(count)
            release.set()
            answers = [await caller.answer() for caller in callers]
            case.ids += [answer.header("x-request-id") for answer in answers if answer.status == 200]
            return {answer.status for answer in answers}

        assert await ask_all() == {200}
        with watched(gateway) as flights:
            with no_disk(gateway):
                assert await ask_all() == {503}
            assert len(flights) == count
            await callers[0].send(case.chat_request())
            assert (await callers[0].answer()).status == 200
            assert len(flights) == count, "the first one finds out that the disk is well again"
            assert await ask_all() == {200}
            assert len(flights) == 2 * count
    await quiet(case)
    assert [row.cost for row in await case.rows()] == [20_000] * (2 * count + 1)


async def test_while_nothing_can_be_written_down_nothing_begins(case: Case) -> None:
    gateway = case.gateway
    plays(gateway, whole(GOOD))
    async with raw.connect(gateway.port) as connection:
        await connection.send(case.chat_request())
        assert (await connection.answer()).status == 200
        with watched(gateway) as flights, no_disk(gateway):
            for number, calls in enumerate((2, 2, 2)):
                await connection.send(case.chat_request())
                answer = await connection.answer()
                assert (answer.status, answer.error["code"]) == (503, "unavailable")
                assert len(gateway.upstream.seen) == calls
                assert len(flights) == 1, number
        with watched(gateway) as flights:
            for _ in range(2):
                await connection.send(case.chat_request())
                assert (await connection.answer()).status == 200
        assert len(flights) == 1, "the first one finds out that the disk is well again"
    await quiet(case)
