"""Requests in a row on one connection: answered in order whichever way they go, and forgotten once they were."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import Sequence

import pytest
from tests.faults import raw
from tests.faults.harness import Case
from tests.faults.raw import RawConnection
from tests.faults.test_fast_lane import UNUSUAL, plays, quiet, refusal, watched
from tests.faults.test_fast_lane_crowds import answer_to, ask, number_in, text_of
from tests.faults.test_odd_answers import GOOD
from tests.faults.upstream import Step, whole

from pronghorn.relay.fast_lane import Flight

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def prime(case: Case, connection: RawConnection) -> None:
    plays(case.gateway, lambda seen: whole(answer_to(number_in(seen))))
    await connection.send(ask(case, 0))
    assert text_of(await connection.answer()) == "answer 0;"


@pytest.mark.parametrize("is_late", [False, True], ids=["with the first one", "while it flies"])
async def test_pipelined_requests_are_answered_in_order(case: Case, is_late: bool) -> None:
    release = asyncio.Event()
    async with raw.connect(case.gateway.port) as connection:
        await prime(case, connection)
        plays(case.gateway, lambda seen: (release, *whole(answer_to(number_in(seen)))))
        rest = b"".join(ask(case, number) for number in range(2, 7))
        with watched(case.gateway) as flights:
            await connection.send(ask(case, 1) + (b"" if is_late else rest))
            await case.gateway.upstream.reached()
            if is_late:
                await connection.send(rest)
            release.set()
            answers = [await connection.answer() for _ in range(1, 7)]
        assert [text_of(answer) for answer in answers] == [f"answer {number};" for number in range(1, 7)]
        assert bool(flights) == is_late
        for number in (7, 8):  # a read with more than one request in it leaves no head that is known
            with watched(case.gateway) as flights:
                await connection.send(ask(case, number))
                assert text_of(await connection.answer()) == f"answer {number};"
        assert len(flights) == 1
    await quiet(case)
    assert len(await case.rows()) == 9


@pytest.mark.parametrize("fault", [refusal("400 Odd"), whole(b"{}")], ids=["refused", "no answer"])
async def test_what_was_handed_over_is_answered_before_what_came_behind_it(
    case: Case, fault: Sequence[Step]
) -> None:
    release = asyncio.Event()
    async with raw.connect(case.gateway.port) as connection:
        await prime(case, connection)
        plays(
            case.gateway,
            lambda seen: (release, *fault) if number_in(seen) == 1 else whole(answer_to(number_in(seen))),
        )
        with watched(case.gateway) as flights:
            await connection.send(ask(case, 1))
            await case.gateway.upstream.reached()
            await connection.send(ask(case, 2) + ask(case, 3))
            release.set()
            answers = [await connection.answer() for _ in range(3)]
        assert flights[0].handle is not None
        assert answers[0].status >= 400
        assert [text_of(answer) for answer in answers[1:]] == ["answer 2;", "answer 3;"]
    await quiet(case)
    case.heal()


@pytest.mark.parametrize("is_late", [False, True], ids=["with it", "while it flies"])
async def test_an_answer_comes_before_the_refusal_of_what_follows(case: Case, is_late: bool) -> None:
    release = asyncio.Event()
    async with raw.connect(case.gateway.port) as connection:
        await prime(case, connection)
        plays(case.gateway, lambda seen: (release, *whole(answer_to(number_in(seen)))))
        await connection.send(ask(case, 1) + (b"" if is_late else b"nonsense\r\n\r\n"))
        await case.gateway.upstream.reached()
        if is_late:
            await connection.send(b"nonsense\r\n\r\n")
        release.set()
        assert text_of(await connection.answer()) == "answer 1;"
        refused = await connection.answer()
        assert (refused.status, refused.header("connection")) == (400, "close")
    await quiet(case)


async def test_nonsense_behind_one_request_loses_no_answer_of_another_caller(case: Case) -> None:
    """All of them are answered in one turn of the event loop."""
    release = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(raw.connect(case.gateway.port)) for _ in range(6)]
        plays(case.gateway, lambda seen: (release, *whole(answer_to(number_in(seen)))))
        for number, connection in enumerate(callers):
            await connection.send(ask(case, number) + (b"nonsense\r\n\r\n" if number == 2 else b""))
        await case.gateway.upstream.reached(len(callers))
        release.set()
        answers = [await connection.answer() for connection in callers]
    assert [text_of(answer) for answer in answers] == [f"answer {number};" for number in range(6)]
    await quiet(case)


async def test_a_request_in_two_reads_is_served_between_two_that_are_known(case: Case) -> None:
    """Cut in its head it is parsed, cut behind that it is known all the same."""
    async with raw.connect(case.gateway.port) as connection:
        await prime(case, connection)
        data = ask(case, 1)
        body_at = data.index(b"\r\n\r\n") + 4
        for cut in range(1, len(data), 23):
            with watched(case.gateway) as flights:
                await connection.send(data[:cut])
                for _ in range(5):
                    await asyncio.sleep(0)
                await connection.send(data[cut:])
                assert text_of(await connection.answer()) == "answer 1;"
                assert len(flights) == (cut >= body_at)
                await connection.send(data)
                assert text_of(await connection.answer()) == "answer 1;"
                assert len(flights) <= 2
            await quiet(case)


# What stays


@pytest.mark.parametrize(
    ("first", "then"),
    [({}, {"x_title": "t"}), (UNUSUAL, UNUSUAL), ({}, {})],
    ids=["parsed", "known to the usual way", "flown"],
)
async def test_who_sleeps_keeps_nothing_of_the_last_request(
    case: Case, first: dict[str, str], then: dict[str, str]
) -> None:
    """Neither the request nor the answer is held by connections that wait for the next one."""
    gateway, size, count = case.gateway, 30_000, 40
    bodies = [ask(case, 0, user="u" * length).partition(b"\r\n\r\n")[2] for length in (0, size)]
    small = case.post("/v1/chat/completions", bodies[0], **first)
    large = case.post("/v1/chat/completions", bodies[1], **then)
    plays(gateway, whole(GOOD))
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(raw.connect(gateway.port)) for _ in range(count)]
        for connection in callers:
            await connection.send(small)
            assert (await connection.answer()).status == 200
        await quiet(case)
        plays(gateway, whole(GOOD))
        gc.collect()
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        with watched(gateway) as flights:
            for connection in callers:
                await connection.send(large)
                assert (await connection.answer()).status == 200
            assert len(flights) == (0 if then else count)
            flights.clear()
        await quiet(case)
        plays(gateway, whole(GOOD))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < count * size / 4
        assert [found for found in gc.get_objects() if isinstance(found, Flight)] == []


async def test_a_vendors_connection_that_waits_keeps_nothing_of_its_last_answer(case: Case) -> None:
    gateway = case.gateway
    plays(gateway, whole(GOOD))
    async with raw.connect(gateway.port) as connection:
        with watched(gateway) as flights:
            for _ in range(2):
                await connection.send(case.chat_request())
                assert (await connection.answer()).status == 200
        assert len(flights) == 1
    await quiet(case)
    idle = [one for waiting in gateway.inner.client._idle.values() for one in waiting]
    assert idle
    assert [one.body() for one in idle] == [b""] * len(idle)
