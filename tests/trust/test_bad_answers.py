"""Answers that would hurt whoever believes them: bombs, redirects, odd framing, absurd counts. Bounded, and told."""

import asyncio
import gzip
import time
import zlib
from typing import Any

import psutil
import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import (
    DONE,
    EVENTS,
    FINISH,
    LAST_CHUNK,
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    Seen,
    chunk,
    completion,
    delta,
    event,
    stream,
    whole,
)
from tests.trust.stand import Held, assert_ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20
MAX_ANSWER_BYTES = 8 * MIB
BOMB_BYTES = 50 * MIB
"""What the gateway's memory may grow by, whatever an answer would unpack to."""
UNPACKED_BYTES = 96 * MIB
"""Of one member. Work and memory end at the limit, however much would follow."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    async with running(tmp_path_factory.mktemp("gateway"), max_answer_bytes=MAX_ANSWER_BYTES) as gateway:
        yield gateway


def bomb(size: int, wbits: int = 31) -> bytes:
    """Zeros, packed: a thousandth of its size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    part = b"\0" * MIB
    return b"".join([packer.compress(part) for _ in range(size // MIB)]) + packer.flush()


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    one = bomb(UNPACKED_BYTES)
    return {"gzip": one, "deflate": bomb(UNPACKED_BYTES, 15), "ten members": one * 10}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", ["gzip", "deflate", "ten members", "br", "zstd"])
async def test_a_bomb_ends_at_the_limit(
    case: Case, bombs: dict[str, bytes], what: str, is_stream: bool
) -> None:
    body = bombs.get(what, bombs["gzip"])
    encoding = what if what in ("deflate", "br", "zstd") else "gzip"
    kind = "text/event-stream" if is_stream else "application/json"
    case.gateway.upstream.plays(
        *whole(body, kind=kind, headers=f"content-encoding: {encoding}\r\n"), End.CLOSE
    )
    process = psutil.Process()
    before, begun = process.memory_info().rss, time.process_time()
    watch = asyncio.ensure_future(peak(process))
    answer = await case.chat(stream=is_stream)
    watch.cancel()
    grown = max(process.memory_info().rss, PEAK[0]) - before
    print(f"\n{what}: {grown / MIB:.0f} MB, {time.process_time() - begun:.2f} s of CPU")
    assert (answer.status, answer.is_whole) == (502, True)
    assert grown < BOMB_BYTES
    assert (await case.row()).cost == 0


PEAK = [0]


async def peak(process: psutil.Process) -> None:
    PEAK[0] = 0
    while True:
        PEAK[0] = max(PEAK[0], process.memory_info().rss)
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("first", ["an event that makes no sense", "a compression that nobody asked for"])
async def test_the_rest_of_an_answer_that_was_given_up_keeps_nobody_waiting(case: Case, first: str) -> None:
    """All of it has come, more than is read ahead, and nobody wants it: the next call finds a way all the same."""
    rest = [delta("a" * 30_000) for _ in range(4)]
    if first == "an event that makes no sense":
        said = [STREAM_HEAD, chunk(b"data: {broken\n\n"), *map(chunk, rest), LAST_CHUNK]
    else:
        said = list(whole(b"a" * 120_000, headers="content-encoding: br\r\n"))
    case.gateway.upstream.plays(b"".join(said))
    assert (await case.chat(stream=True)).status == 502
    case.gateway.upstream.plays(*whole(completion()))
    async with asyncio.timeout(5):
        assert (await case.chat()).status == 200


PACKED_HEAD = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")


async def test_a_stream_that_is_packed_is_understood(case: Case) -> None:
    """Some proxies pack whatever they carry, asked or not."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    case.gateway.upstream.plays(PACKED_HEAD, *map(chunk, pieces), chunk(packer.flush()), LAST_CHUNK)
    answer = await case.chat(stream=True)
    assert (answer.status, answer.is_whole) == (200, True)
    assert answer.body == b"".join(EVENTS[:-2]) + DONE
    assert answer.header("content-encoding") == ""


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_refusal_without_an_end_is_cut_at_the_limit(case: Case, is_stream: bool) -> None:
    head = b"HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    part = chunk(b"a" * 64 * 1024)

    async def play(writer: asyncio.StreamWriter, seen: Seen) -> None:
        while seen.sent_bytes < 8 * MAX_ANSWER_BYTES:
            writer.write(part)
            seen.sent_bytes += len(part)
            await writer.drain()
            await asyncio.sleep(0)

    case.gateway.upstream.plays(head, play, End.CLOSE)
    answer = await case.chat(stream=is_stream)
    assert answer.status == 502
    (seen,) = case.gateway.upstream.seen
    await asyncio.wait_for(seen.closed.wait(), 5)
    print(f"\n{seen.sent_bytes / MIB:.0f} MB of a refusal were taken")
    assert seen.sent_bytes < 2 * MAX_ANSWER_BYTES


EMPTY_BLOCK = b"\0\0\0\xff\xff"


async def test_thousands_of_packed_pieces_that_hold_nothing_are_passed_over(case: Case) -> None:
    """A block of no bytes, sent by itself three thousand times, and then the answer."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH)
    said = packer.compress(b"".join(EVENTS)) + packer.flush()

    async def play(writer: asyncio.StreamWriter, _seen: Seen) -> None:
        writer.write(PACKED_HEAD + chunk(head))
        for _ in range(3_000):
            writer.write(chunk(EMPTY_BLOCK))
            await asyncio.sleep(0)
        writer.write(chunk(said) + LAST_CHUNK)

    case.gateway.upstream.plays(play)
    answer = await case.chat(stream=True)
    assert (answer.status, answer.is_whole) == (200, True)
    assert answer.body.endswith(DONE)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_redirect_is_never_followed(gateway: Gateway, status: str, is_stream: bool) -> None:
    stranger = await ScriptedUpstream().start()
    case = await gateway.case()
    for place in (stranger.url, f"//127.0.0.1:{stranger.url.rpartition(':')[2]}/v1", "/v1/chat/completions"):
        gateway.upstream.plays(*whole({}, status, headers=f"location: {place}\r\n"))
        answer = await case.chat(stream=is_stream)
        assert (answer.status, answer.header("location")) == (502, "")
        assert len(gateway.upstream.seen) == 1
        case.heal()
    assert (stranger.seen, stranger.connections) == ([], 0)
    await stranger.close()
    await case.assert_invariants()


async def test_trailers_of_an_answer_go_nowhere(case: Case) -> None:
    *events, _ = stream()
    case.gateway.upstream.plays(*events, b"0\r\nset-cookie: a=b\r\nx-injected: 1\r\n\r\n")
    for _ in range(2):
        answer = await case.chat(stream=True)
        assert (answer.status, answer.is_whole) == (200, True)
        assert b"injected" not in answer.body
        assert answer.header("set-cookie") == answer.header("x-injected") == ""


ABSURD: dict[str, Any] = {
    "negative": {"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -2},
    "huge": {"prompt_tokens": 10**12, "completion_tokens": 10**12, "total_tokens": 2 * 10**12},
    "null": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
    "text": {"prompt_tokens": "many", "completion_tokens": "many", "total_tokens": "many"},
    "fractions": {"prompt_tokens": 1.5, "completion_tokens": 2.5, "total_tokens": 4},
    "a list": [1, 2],
    "beyond 64 bits": {"prompt_tokens": 2**70, "completion_tokens": 1, "total_tokens": 1},
    "missing": None,
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", ABSURD)
async def test_an_absurd_count_never_charges_more_than_was_held(
    case: Case, what: str, is_stream: bool
) -> None:
    used = event(choices=[], usage=ABSURD[what])
    said = stream(ROLE, ONE, FINISH, used, DONE) if is_stream else whole(completion("one", ABSURD[what]))
    case.gateway.upstream.plays(*said)
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (200, True)
    row = await case.row()
    assert 0 < row.cost <= row.hold
    assert row.usage["is_estimated"] or row.shortfall > 0


async def test_everything_is_given_back(gateway: Gateway) -> None:
    case = await gateway.case()
    held = await Held.at_rest(gateway)
    for steps in (whole(gzip.compress(b"\0" * 32 * MIB), headers="content-encoding: gzip\r\n"), (End.RESET,)):
        gateway.upstream.plays(*steps)
        for _ in range(4):
            assert (await case.chat()).status == 502
        case.heal()
    await held.is_back(gateway)
    await case.assert_invariants()
    await assert_ready(gateway)
