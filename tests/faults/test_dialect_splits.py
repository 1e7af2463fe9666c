"""However a vendor's stream is split, callers of every dialect get the same bytes and pay the same."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterable

import pytest
from tests.faults import raw
from tests.faults.dialects import (
    CONVERTED,
    COST,
    DIALECTS,
    SAME,
    TEXT,
    ask,
    assert_complete,
    body_of,
    open_case,
)
from tests.faults.harness import Case, Gateway
from tests.faults.upstream import LAST_CHUNK, STREAM_HEAD, Seen, Step, chunk, stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 40
EVERY = [(*pair, 1) for pair in SAME if pair[0] != "chat"]
"""Chat has its own file, which splits at every offset too."""
EVERY_SEVENTH = [(*pair, 7) for pair in CONVERTED]
ENDINGS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


async def pause(_writer: asyncio.StreamWriter, _seen: Seen) -> None:
    """Long enough for the gateway to read what was sent; a split that was not seen as one is no fault."""
    await asyncio.sleep(0.001)


def text_of_stream(vendor: str, ending: str = "LF") -> bytes:
    """A whole stream with text of more than one byte a character."""
    text = (
        b"".join(DIALECTS[vendor].events).replace(b"\r\n", b"\n").replace(b'" two"', '" two é好🎉"'.encode())
    )
    return text.replace(b"\n", ENDINGS[ending])


def _undated(body: bytes) -> bytes:
    """Where a vendor tells no time, an answer has the second of its request."""
    return re.sub(rb'"created(_at)?":\d+', b"", body)


async def expect(case: Case, data: bytes, text: bytes) -> bytes:
    """The answer to the stream in one piece."""
    case.gateway.upstream.plays(*stream(text))
    answer = await case.call(data)
    assert answer.is_whole
    return answer.body


async def split_everywhere(case: Case, data: bytes, text: bytes, cuts: Iterable[int], expected: bytes) -> int:
    """How many streams there were; each is split at one of `cuts`, and all have the same body."""
    waiting, count = iter(list(cuts)), itertools.count()

    def choose(_seen: Seen) -> tuple[Step, ...]:
        cut = next(waiting)
        return (STREAM_HEAD, chunk(text[:cut]), pause, chunk(text[cut:]), LAST_CHUNK)

    case.gateway.upstream.choose = choose
    left = list(cuts)

    async def one_after_another() -> None:
        async with raw.connect(case.gateway.port) as connection:
            while left:
                left.pop()
                await connection.send(data)
                answer = await connection.answer()
                assert answer.is_whole
                assert _undated(answer.body) == _undated(expected)
                next(count)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    return next(count)


@pytest.mark.parametrize(("door", "vendor", "step"), [*EVERY, *EVERY_SEVENTH])
async def test_a_stream_is_the_same_wherever_it_is_split(
    gateway: Gateway, door: str, vendor: str, step: int
) -> None:
    case = await open_case(gateway, door, vendor)
    text, data = text_of_stream(vendor), ask(case, door, is_stream=True)
    expected = await expect(case, data, text)
    whole = raw.RawAnswer(200, [("content-type", "text/event-stream")], expected, is_whole=True)
    assert_complete(door, whole, is_stream=True, text=f"{TEXT} é好🎉")
    cuts = range(1, len(text), step)
    assert await split_everywhere(case, data, text, cuts, expected) == len(cuts)
    rows = await case.rows()
    assert {(row.cost, row.end_reason, row.finish) for row in rows} == {(COST, "ok", "stop")}
    assert len(rows) == len(cuts) + 1
    await case.assert_invariants()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("door", "vendor"), [*SAME, *CONVERTED])
async def test_other_line_ends_say_the_same(gateway: Gateway, door: str, vendor: str, ending: str) -> None:
    case = await open_case(gateway, door, vendor)
    data = ask(case, door, is_stream=True)
    expected = await expect(case, data, text_of_stream(vendor))
    text = text_of_stream(vendor, ending)
    if door == vendor:
        expected = expected.replace(b"\n", ENDINGS[ending])
    cuts = range(1, len(text), 97)
    assert await split_everywhere(case, data, text, cuts, expected) == len(cuts)
    await case.assert_invariants()


@pytest.mark.parametrize("vendor", ["generate", "chat", "messages"])
async def test_an_array_of_gemini_is_the_same_wherever_it_is_split(gateway: Gateway, vendor: str) -> None:
    case = await open_case(gateway, "generate", vendor)
    body = json.dumps(body_of("generate", case.model, is_stream=True)).encode()
    data = case.post(f"/v1beta/models/{case.model}:streamGenerateContent", body)
    text = text_of_stream(vendor)
    expected = await expect(case, data, text)
    events = json.loads(expected)
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"
    cuts = range(1, len(text), 7)
    assert await split_everywhere(case, data, text, cuts, expected) == len(cuts)
    await case.assert_invariants()
