"""Callers that leave or do not read: the vendor's work stops at once, and is charged as far as it went."""

import asyncio
import socket
import time
from typing import Any

import psutil
import pytest
from tests.faults import raw
from tests.faults.harness import Case
from tests.faults.upstream import (
    DONE,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    Seen,
    Step,
    chunk,
    completion,
    delta,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELLED_S = 0.5
HALF = whole(completion())[0][:-20]

LEAVES: dict[str, tuple[bool, tuple[Step, ...], bool]] = {
    "before the vendor says anything": (False, (), False),
    "while the answer comes": (False, (HALF,), False),
    "before the stream begins": (True, (), False),
    "before content": (True, (STREAM_HEAD, chunk(ROLE)), False),
    "in the middle of a stream": (True, (STREAM_HEAD, chunk(ROLE), chunk(ONE), chunk(ONE)), True),
}


async def leave(case: Case, where: str) -> Seen:
    """One call that the caller gives up; returns what the vendor saw of it."""
    is_stream, _steps, has_content = LEAVES[where]
    before = len(case.gateway.upstream.seen)
    async with case.open(case.chat_request(stream=is_stream)) as connection:
        seen = await case.gateway.upstream.reached(before + 1)
        if has_content:
            await connection.reader.readuntil(ONE)
        left = time.monotonic()
    await asyncio.wait_for(seen.closed.wait(), 5)
    assert seen.closed_at - left < CANCELLED_S
    return seen


@pytest.mark.parametrize("where", LEAVES)
async def test_the_vendor_is_left_when_the_caller_leaves(case: Case, where: str) -> None:
    _, steps, has_content = LEAVES[where]
    case.gateway.upstream.plays(*steps, End.SILENT)
    await leave(case, where)
    row = await case.row()
    assert row.end_reason == "client_gone"
    assert (row.cost > 0) == has_content
    if has_content:
        assert row.usage["is_estimated"]
        assert row.usage["output"] in (1, 2)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("size", [70_000, 300_000, 3_000_000])
async def test_the_vendor_is_left_also_after_a_large_body(case: Case, size: int, is_stream: bool) -> None:
    """What comes faster than it is taken stops the reading; it has to go on, or nobody sees the caller leave."""
    case.gateway.upstream.plays(End.SILENT)
    messages = [{"role": "user", "content": "x" * size}]
    async with case.open(case.chat_request(stream=is_stream, messages=messages)):
        seen = await case.gateway.upstream.reached()
    await asyncio.wait_for(seen.closed.wait(), CANCELLED_S)
    row = await case.row()
    assert (row.end_reason, row.cost) == ("client_gone", 0)


async def test_a_caller_who_leaves_after_the_last_byte_got_a_whole_answer(case: Case) -> None:
    case.gateway.upstream.plays(*stream())
    async with case.open(case.chat_request(stream=True)) as connection:
        await connection.reader.readuntil(DONE)
    assert (await case.row()).end_reason == "ok"


async def test_a_caller_who_half_closes_is_gone_or_served_but_never_stuck(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    async with case.open(case.chat_request()) as connection:
        connection.writer.write_eof()
        try:
            answer = await connection.answer()
            assert answer.status == 200
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
    assert (await case.row()).end_reason in ("ok", "client_gone")


async def test_two_hundred_leaving_callers_leave_nothing_behind(case: Case) -> None:
    process = psutil.Process()
    client = case.gateway.inner.client
    steps = {where: (*found, End.SILENT) for where, (_, found, _) in LEAVES.items()}
    for where in LEAVES:  # whatever is opened once is open now
        case.gateway.upstream.plays(*steps[where])
        await leave(case, where)
    await case.rows()
    files, tasks, connections = process.num_fds(), len(asyncio.all_tasks()), client.open_connections()
    for _ in range(40):
        for where in LEAVES:
            case.gateway.upstream.plays(*steps[where])
            await leave(case, where)
    rows = await case.rows()
    assert len(rows) == 205
    assert {row.end_reason for row in rows} == {"client_gone"}
    await until(lambda: process.num_fds() <= files + 5 and len(asyncio.all_tasks()) <= tasks + 3)
    assert client.open_connections() <= connections


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 3
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


WORD = delta("a" * 8_000)


async def flood(writer: asyncio.StreamWriter, seen: Seen) -> None:
    while True:
        data = chunk(WORD)
        writer.write(data)
        seen.sent_bytes += len(data)
        await writer.drain()
        await asyncio.sleep(0)


async def test_a_caller_who_does_not_read_makes_the_vendor_wait(case: Case) -> None:
    """Ten of them on an endless stream: what has been read of the vendor stops growing, memory too."""
    case.gateway.upstream.plays(STREAM_HEAD, flood)
    before = psutil.Process().memory_info().rss
    sockets = []
    for _ in range(10):
        quiet = socket.socket()
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        quiet.connect(("127.0.0.1", case.gateway.port))
        quiet.sendall(case.chat_request(stream=True))
        sockets.append(quiet)
    await case.gateway.upstream.reached(10)
    seen = case.gateway.upstream.seen
    last, quiet_since, deadline = -1, time.monotonic(), time.monotonic() + 15
    while time.monotonic() - quiet_since < 0.5:
        assert time.monotonic() < deadline, "the vendor was never made to wait"
        await asyncio.sleep(0.02)
        sent = sum(one.sent_bytes for one in seen)
        if sent != last:
            last, quiet_since = sent, time.monotonic()
    assert psutil.Process().memory_info().rss - before < 60 * 2**20
    for quiet in sockets:
        quiet.close()
    for one in seen:
        await asyncio.wait_for(one.closed.wait(), 2)
    rows = await case.rows()
    assert {row.end_reason for row in rows} == {"client_gone"}
    assert all(row.cost > 0 for row in rows)


async def test_a_slow_caller_gets_all_of_it(case: Case) -> None:
    events = [WORD] * 1_000
    case.gateway.upstream.plays(STREAM_HEAD, *map(chunk, events), chunk(DONE), LAST_CHUNK)
    async with raw.connect(case.gateway.port, limit=16 * 1024) as connection:
        await connection.send(case.chat_request(stream=True))
        await case.gateway.upstream.reached()
        await asyncio.sleep(0.3)
        answer = await connection.answer()
    assert answer.is_whole
    assert answer.body == b"".join(events) + DONE
    assert (await case.row()).end_reason == "ok"
