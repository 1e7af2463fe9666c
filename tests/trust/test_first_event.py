"""Whatever goes wrong before the first event, every single caller gets one clean answer of the second channel."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import (
    DONE,
    EVENTS,
    ROLE,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    Step,
    chunk,
    completion,
    refusing_port,
    stream,
    whole,
)
from tests.trust.stand import Held, assert_ready, refill

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = 25
IN_A_ROW = 4
"""Of one case at once: the fifth failure in a row would close the channel, and later runs would not meet it."""
DAILY, NIGHTLY = 100, 1_000
FIRST_EVENT_S = 3.0
CLEAN = b"".join(EVENTS[:-2]) + DONE


@dataclass
class Stand:
    gateway: Gateway
    good: ScriptedUpstream
    cases: list[Case]
    """Their first channel is the gateway's own upstream."""
    refused: list[Case]
    """Their first channel is an address where nothing listens."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, first_event_timeout_s=FIRST_EVENT_S) as gateway, refusing_port() as nowhere:
        good = await ScriptedUpstream().start()
        cases = [await gateway.case(gateway.upstream.url, good.url) for _ in range(CASES)]
        refused = [await gateway.case(nowhere, good.url) for _ in range(CASES)]
        yield Stand(gateway, good, cases, refused)
        await good.close()


def failure(status: str, headers: str = "") -> tuple[bytes]:
    return whole({"error": {"message": "m", "code": "c"}}, status, headers=headers)


NOBODY: tuple[Step, ...] = ()
FAILURES: dict[str, tuple[Step, ...]] = {
    "connection refused": NOBODY,
    "reset before the headers": (End.RESET,),
    "reset after the headers": (STREAM_HEAD, End.RESET),
    "cut after the role": (STREAM_HEAD, chunk(ROLE), End.CLOSE),
    "ended after the role": (STREAM_HEAD, chunk(ROLE), b"0\r\n\r\n"),
    "an error event first": stream(b'data: {"error":{"message":"busy"}}\n\n'),
    "a malformed first event": stream(b"data: {broken\n\n"),
    "silent before the first event": (End.SILENT,),
    "500": failure("500 Oops"),
    "503": failure("503 Busy"),
    "429": failure("429 Slow", "retry-after: 1\r\n"),
    "401": failure("401 No"),
    "a web page": whole(b"<html>busy</html>", kind="text/html"),
}
CLOSES_AT_ONCE = ("429", "401")
"""One such answer closes the credential, so each run needs a channel that has not seen it."""
WHOLE_TOO = ("connection refused", "reset before the headers", "500", "429", "a web page")


async def meet(stand: Stand, what: str, count: int, *, is_stream: bool) -> list[RawAnswer]:
    """`count` runs, of which each finds its first channel open, with healthy traffic in between."""
    cases = stand.refused if FAILURES[what] is NOBODY else stand.cases
    at_once = 1 if what in CLOSES_AT_ONCE else IN_A_ROW
    stand.gateway.upstream.plays(*FAILURES[what])
    stand.good.plays(*(stream() if is_stream else whole(completion())))
    answers: list[RawAnswer] = []
    while len(answers) < count:
        for case in cases:
            case.heal()
        refill(stand.gateway)
        calls = [case.chat(stream=is_stream) for case in cases for _ in range(at_once)]
        answers += await asyncio.gather(*calls)
    return answers


def runs(names: list[tuple[str, bool]]) -> list[object]:
    """Each as a short set for every day, and whole for the night."""
    found: list[object] = []
    for what, is_stream in names:
        name = f"{what}, {'stream' if is_stream else 'whole'}"
        found.append(pytest.param(what, is_stream, DAILY, id=name))
        found.append(
            pytest.param(what, is_stream, NIGHTLY, id=f"{name}, {NIGHTLY}", marks=pytest.mark.nightly)
        )
    return found


@pytest.mark.parametrize(
    ("what", "is_stream", "count"), runs([(w, True) for w in FAILURES] + [(w, False) for w in WHOLE_TOO])
)
async def test_every_caller_is_answered_by_the_second_channel(
    stand: Stand, what: str, is_stream: bool, count: int
) -> None:
    cases = stand.refused if FAILURES[what] is NOBODY else stand.cases
    before = {case.account: len(await case.rows()) for case in cases}
    held = await Held.at_rest(stand.gateway)
    answers = await meet(stand, what, count, is_stream=is_stream)
    assert len(answers) == count
    assert {(answer.status, answer.is_whole) for answer in answers} == {(200, True)}
    if is_stream:
        assert {answer.body for answer in answers} == {CLEAN}
    assert len(stand.good.seen) == count
    assert len(stand.gateway.upstream.seen) == (0 if FAILURES[what] is NOBODY else count)
    for case in cases:
        rows = (await case.rows())[before[case.account] :]
        assert {row.end_reason for row in rows} == {"ok"}
        assert {tuple(bool(attempt["error"]) for attempt in row.attempts) for row in rows} == {(True, False)}
        await case.assert_invariants()
    await held.is_back(stand.gateway)
    await assert_ready(stand.gateway)
