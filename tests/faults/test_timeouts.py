"""Each deadline fires when it should: an error while that is possible, a visible cut after content."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import (
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    Seen,
    Step,
    chunk,
    completion,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_S = 0.6
TOTAL_S = 1.6
SLACK_S = 0.5
HALF = whole(completion())[0][:-20]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    limits = dict.fromkeys(("first_byte_timeout_s", "first_event_timeout_s", "idle_timeout_s"), LIMIT_S)
    async with running(tmp_path_factory.mktemp("gateway"), **limits, total_timeout_s=TOTAL_S) as gateway:
        yield gateway


async def drip(writer: asyncio.StreamWriter, _seen: Seen) -> None:
    """Never silent, never done."""
    while True:
        writer.write(chunk(b": drip\n\n"))
        await asyncio.sleep(0.1)


SILENCES: dict[str, tuple[bool, tuple[Step, ...], float]] = {
    "before the head": (False, (), LIMIT_S),
    "in the head": (False, (b"HTTP/1.1 200 OK\r\n",), LIMIT_S),
    "in the body": (False, (HALF,), LIMIT_S),
    "before the stream": (True, (), LIMIT_S),
    "after the stream's headers": (True, (STREAM_HEAD,), LIMIT_S),
    "after the role": (True, (STREAM_HEAD, chunk(ROLE)), LIMIT_S),
    "comments for ever": (True, (STREAM_HEAD, drip), TOTAL_S),
}


@pytest.mark.parametrize("where", SILENCES)
async def test_a_vendor_that_falls_silent_before_content_is_a_504(case: Case, where: str) -> None:
    is_stream, steps, limit_s = SILENCES[where]
    case.gateway.upstream.plays(*steps, End.SILENT)
    begun = time.monotonic()
    answer = await case.chat(stream=is_stream)
    assert limit_s - 0.1 < time.monotonic() - begun < limit_s + SLACK_S
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    seen = await case.gateway.upstream.reached()
    await asyncio.wait_for(seen.closed.wait(), 1)
    row = await case.row()
    assert (row.cost, row.end_reason) == (0, "upstream_timeout")


CONTENT = (STREAM_HEAD, chunk(ROLE), chunk(ONE))


@pytest.mark.parametrize(
    ("then", "limit_s"), [(End.SILENT, LIMIT_S), (drip, TOTAL_S)], ids=["silent", "comments for ever"]
)
async def test_a_vendor_that_falls_silent_after_content_is_cut_visibly(
    case: Case, then: Step, limit_s: float
) -> None:
    begun = time.monotonic()
    answer = await case.chat_in_two(CONTENT, (then,))
    assert limit_s - 0.1 < time.monotonic() - begun < limit_s + SLACK_S
    assert (answer.status, answer.is_whole) == (200, False)
    assert answer.error["code"] == "upstream_timeout"
    assert b"[DONE]" not in answer.body
    row = await case.row()
    assert (row.end_reason, row.finish) == ("upstream_timeout", "truncated")
    assert row.cost > 0


async def test_a_slow_but_steady_stream_is_left_alone(case: Case) -> None:
    async def steady(writer: asyncio.StreamWriter, _seen: Seen) -> None:
        for _ in range(4):
            await asyncio.sleep(LIMIT_S / 2)
            writer.write(chunk(ONE))
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    case.gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), steady)
    answer = await case.chat(stream=True)
    assert answer.is_whole
    first, last = answer.arrivals[0][0], answer.arrivals[-1][0]
    assert last - first > LIMIT_S / 2 * 2, "passed on as it came, not at the end"


async def test_a_vendor_is_not_too_slow_because_we_stood_still(gateway: Gateway) -> None:
    case = await gateway.case()

    async def stand_still(_writer: asyncio.StreamWriter, _seen: Seen) -> None:
        asyncio.get_running_loop().call_soon(time.sleep, LIMIT_S + 0.5)
        await asyncio.sleep(0.02)  # so that the answer is under way when everything goes on

    gateway.upstream.plays(stand_still, *whole(completion()))
    assert (await case.chat()).status == 200
    await case.assert_invariants()
