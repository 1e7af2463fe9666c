"""Five hundred callers who do not read, or vendors who only drip: bounded memory, and others hardly notice."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.upstream import (
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    Play,
    Seen,
    Step,
    chunk,
    completion,
    delta,
    whole,
)
from tests.trust.live import Live, live, opened, settled_memory
from tests.trust.stand import percentile

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20
SLOW = 500
READER_BYTES = {"comments": 256 * 1024, "words": 400 * 1024}
"""Of the gateway's own memory for a caller who does not read; words are kept for the bill, whoever reads them."""
DRIPS_BYTES = 100 * MIB
"""For five hundred."""
SLACK_BYTES = 8 * MIB
WORD, COMMENT = delta("a" * 32_000), b": " + b"a" * 32_000 + b"\n\n"
FEW = [40, pytest.param(SLOW, marks=[pytest.mark.nightly, pytest.mark.timeout(240)])]
ROUNDS = 60


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("live")) as found:
        for name, play in {"drip": drip, "words": flood(WORD), "comments": flood(COMMENT)}.items():
            SCRIPTS[name] = (STREAM_HEAD, chunk(ROLE), chunk(ONE), play)
        found.upstream.choose = lambda seen: SCRIPTS[seen.json()["messages"][0]["content"]]
        yield found


def flood(event: bytes) -> Play:
    """Over and over, as fast as it is taken."""

    async def play(writer: asyncio.StreamWriter, seen: Seen) -> None:
        data = chunk(event)
        while True:
            writer.write(data)
            seen.sent_bytes += len(data)
            await writer.drain()
            await asyncio.sleep(0)

    return play


async def drip(writer: asyncio.StreamWriter, seen: Seen) -> None:
    """A byte a second of events that are well-formed, each in a chunk of its own."""
    number = 0
    while True:
        writer.write(chunk(WORD[number % len(WORD) :][:1]))
        seen.sent_bytes += 1
        number += 1
        await asyncio.sleep(1)


SCRIPTS: dict[str, tuple[Step, ...]] = {"Hi": whole(completion())}


@pytest.mark.parametrize("what", ["comments", "words"])
@pytest.mark.parametrize("count", FEW)
async def test_callers_who_never_read_cost_a_bounded_part_of_memory(
    gateway: Live, count: int, what: str
) -> None:
    """Of what has gone on to their sockets nothing is kept, whether it was words or not."""
    process, upstream = gateway.process, gateway.upstream
    await gateway.timed(20)
    await gateway.check_books()  # whatever is opened once is open now
    before = await settled_memory(process)
    files = process.num_fds()
    upstream.seen = []
    async with unread(gateway, count, what) as sockets:
        seen = await until_quiet(gateway, count)
        grown = await settled_memory(process) - before
        print(f"\n{count} callers, {what}: {grown / MIB:.0f} MB, {grown / count / 1024:.0f} KB each")
        assert grown < READER_BYTES[what] * count + SLACK_BYTES
        assert (await gateway.ask()).status == 200
    left = time.monotonic()
    for one in seen:
        await asyncio.wait_for(one.closed.wait(), 10)
    print(f"all {len(sockets)} vendors left after {time.monotonic() - left:.2f} s")
    taken = sum(one.sent_bytes for one in seen) / count
    print(f"{taken / 1024:.0f} KB of each vendor were taken, most of it by the kernel")
    await files_are_back(gateway, files)
    rows = await gateway.check_books()
    assert sum(row["end_reason"] == "client_gone" for row in rows) >= count


@contextlib.asynccontextmanager
async def unread(gateway: Live, count: int, what: str) -> AsyncIterator[list[socket.socket]]:
    """Callers who send their request and look at nothing that comes."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            quiet = stack.enter_context(socket.socket())
            quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            quiet.connect(("127.0.0.1", gateway.port))
            quiet.sendall(gateway.request(what, stream=True))
            sockets.append(quiet)
            await asyncio.sleep(0)
        yield sockets


async def until_quiet(gateway: Live, count: int) -> list[Seen]:
    """Each vendor has to wait: nothing more is taken from any of them."""
    deadline = time.monotonic() + 100
    while len(gateway.upstream.seen) < count:
        assert time.monotonic() < deadline, len(gateway.upstream.seen)
        await asyncio.sleep(0.05)
    seen = list(gateway.upstream.seen)
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.7:
        assert time.monotonic() < deadline, "the vendors were never made to wait"
        await asyncio.sleep(0.05)
        sent = sum(one.sent_bytes for one in seen)
        if sent != last:
            last, since = sent, time.monotonic()
    return seen


async def files_are_back(gateway: Live, before: int) -> None:
    deadline = time.monotonic() + 30
    while gateway.process.num_fds() > before * 1.05 + 10:
        assert time.monotonic() < deadline, gateway.process.num_fds()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("count", FEW)
async def test_streams_that_only_drip_cost_little_and_slow_nobody(gateway: Live, count: int) -> None:
    process = gateway.process
    await gateway.timed(30)
    alone_s = await gateway.timed(ROUNDS)
    await gateway.check_books()
    before, files = await settled_memory(process), process.num_fds()
    gateway.upstream.seen = []
    async with opened(gateway, count, "drip", stream=True) as calls:
        await gateway.upstream.reached(count)
        seen = list(gateway.upstream.seen)
        for call in calls:
            await asyncio.wait_for(call.reader.readuntil(b"one"), 20)
        grown = await settled_memory(process) - before
        beside_s = await gateway.timed(ROUNDS)
        drips = [one.sent_bytes for one in seen]
    p99 = percentile(alone_s, 0.99), percentile(beside_s, 0.99)
    print(
        f"\n{count} streams: {grown / MIB:.0f} MB; p99 {p99[0] * 1000:.1f} ms, beside them {p99[1] * 1000:.1f} ms"
    )
    assert grown < DRIPS_BYTES
    assert percentile(beside_s, 0.5) < percentile(alone_s, 0.5) * 2 + 0.005
    assert p99[1] < p99[0] * 2 + 0.05
    assert len(drips) == count and min(drips) >= 1
    for one in seen:
        await asyncio.wait_for(one.closed.wait(), 10)
    await files_are_back(gateway, files)
    await gateway.check_books()
    assert await gateway.ready() == 200


@pytest.mark.nightly
async def test_a_stream_that_drips_one_event_for_too_long_is_ended(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with live(tmp_path_factory.mktemp("guard"), event_timeout_s=1.0) as found:
        found.upstream.plays(STREAM_HEAD, chunk(ROLE), chunk(ONE), drip)
        begun = time.monotonic()
        answer = await found.ask(stream=True)
        took_s = time.monotonic() - begun
        assert not answer.is_whole
        assert (answer.status, answer.error["code"]) == (200, "upstream_timeout")
        assert LAST_CHUNK not in answer.body
        assert 1.0 <= took_s < 3.0
        (row,) = await found.check_books()
        assert row["end_reason"] == "upstream_timeout"
        found.upstream.plays(End.SILENT)
