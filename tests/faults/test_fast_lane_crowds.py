"""Many requests on the fast lane at once: each has one answer, its own, and is charged once."""

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.faults import raw
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.test_fast_lane import plays, quiet, refusal, watched
from tests.faults.upstream import LAST_CHUNK, End, Seen, Step, chunk, completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS, EACH = 20, 10
SEED = 20_260_101


def ask(case: Case, number: int, **more: Any) -> bytes:
    return case.chat_request(messages=[{"role": "user", "content": f"number {number};"}], **more)


def number_in(seen: Seen) -> int:
    found = re.search(rb"number (\d+);", seen.body)
    assert found is not None
    return int(found[1])


def answer_to(number: int) -> dict[str, Any]:
    return completion(f"answer {number};", {"prompt_tokens": 10 + number, "completion_tokens": 5})


def cost_of(number: int) -> int:
    return 1_000 * (10 + number) + 2_000 * 5


def text_of(answer: RawAnswer) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


# In parallel


def whims(number: int) -> list[Sequence[Step]]:
    """What the vendor may do: mostly answer."""
    (good,) = whole(answer_to(number))
    head, _, body = good.partition(b"\r\n\r\n")
    in_chunks = head.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
    return [
        *[(good,)] * 12,
        (good[:50], good[50:]),
        (in_chunks, chunk(body[:9]), chunk(body[9:]), LAST_CHUNK),
        (*whole(answer_to(number), headers="connection: close\r\n"), End.CLOSE),
        (good, End.CLOSE),
        refusal("500 Odd"),
        refusal("429 Odd"),
        refusal("400 Odd"),
        refusal("401 Odd"),
        whole(b"{}"),
        (good[:-7], End.CLOSE),
        (good[:30], End.RESET),
        (End.CLOSE,),
        (End.RESET,),
        (b"SSH-2.0-OpenSSH_9.6\r\n",),
    ]


async def caller(case: Case, numbers: Sequence[int], chance: random.Random) -> Counter[str]:
    """Asks one after the other on one connection, and now and then leaves in the middle and comes again."""
    told: Counter[str] = Counter()
    left = list(numbers)
    while left:
        async with raw.connect(case.gateway.port) as connection:
            while left:
                number = left.pop(0)
                await connection.send(ask(case, number))
                if chance.random() < 0.1:
                    for _ in range(chance.randrange(20)):
                        await asyncio.sleep(0)
                    told["left"] += 1
                    break
                answer = await connection.answer()
                assert answer.is_whole
                case.ids.append(answer.header("x-request-id"))
                told["good" if answer.status == 200 else "failed"] += 1
                if answer.status == 200:
                    assert text_of(answer) == f"answer {number};"
                case.heal()
            assert not connection.reader.at_eof() or not left
    return told


@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
async def test_callers_in_parallel_have_one_answer_each_and_the_sums_agree(
    gateway: Gateway, seed: int
) -> None:
    case, chance = await gateway.case(), random.Random(seed)
    plays(gateway, lambda seen: chance.choice(whims(number_in(seen))))
    numbers = list(range(CALLERS * EACH))
    with watched(gateway) as flights:
        callers = (caller(case, numbers[at::CALLERS], chance) for at in range(CALLERS))
        told = sum(await asyncio.gather(*callers), Counter[str]())
    await quiet(case)
    assert sum(told.values()) == CALLERS * EACH
    assert len({id(flight) for flight in flights}) == len(flights) > CALLERS * EACH // 4
    assert 0 < sum(flight.handle is not None for flight in flights) < len(flights)
    rows = await case.rows()
    by_end = Counter(row.end_reason for row in rows)
    assert told["good"] <= by_end["ok"] <= told["good"] + told["left"]
    assert CALLERS * EACH - told["left"] <= len(rows) <= CALLERS * EACH
    for row in rows:
        assert (row.cost > 0) == (row.end_reason == "ok")
        assert row.cost in (0, *map(cost_of, numbers))
    assert len({row.cost for row in rows if row.cost}) == by_end["ok"], "each number is charged once"
    await case.assert_invariants()


async def test_flights_count_among_the_open_requests(tmp_path: Path) -> None:
    async with running(tmp_path, max_open_requests=2) as gateway:
        case, release = await gateway.case(), asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(raw.connect(gateway.port)) for _ in range(3)]
            plays(gateway, lambda seen: (release, *whole(answer_to(number_in(seen)))))
            for caller in callers[:2]:  # at the same time, so that two connections to the vendor are kept
                await caller.send(ask(case, 0))
            await gateway.upstream.reached(2)
            release.set()
            for caller in callers[:2]:
                assert (await caller.answer()).status == 200
            await callers[2].send(ask(case, 0))
            assert (await callers[2].answer()).status == 200
            release.clear()
            plays(gateway, lambda seen: (release, *whole(answer_to(number_in(seen)))))
            with watched(gateway) as flights:
                for number, caller in enumerate(callers[:2]):
                    await caller.send(ask(case, number))
                    await gateway.upstream.reached(number + 1)
                await callers[2].send(ask(case, 2))
                refused = await callers[2].answer()
                assert (refused.status, refused.error["code"], refused.header("retry-after")) == (
                    503,
                    "unavailable",
                    "1",
                )
                assert len(flights) == 2
            release.set()
            answers = [await caller.answer() for caller in callers[:2]]
            assert [text_of(answer) for answer in answers] == ["answer 0;", "answer 1;"]
            await callers[2].send(ask(case, 2))
            assert text_of(await callers[2].answer()) == "answer 2;"
        await quiet(case)
        await case.assert_invariants()


async def test_the_last_cents_are_spent_once(gateway: Gateway) -> None:
    """More is asked at the same time than the balance could ever pay."""
    case = await gateway.case(usd=0.002)
    plays(gateway, lambda seen: whole(answer_to(number_in(seen))))
    with watched(gateway) as flights:
        callers = (caller(case, range(at, 200, CALLERS), random.Random(at)) for at in range(CALLERS))
        told = sum(await asyncio.gather(*callers), Counter[str]())
    await quiet(case)
    assert len(flights) > 5
    rows = await case.rows()
    assert {row.end_reason for row in rows} <= {"ok", "client_gone", "no_credit"}
    assert told["failed"] > 0
    assert sum(row.cost for row in rows) <= 2_000_000
    await case.assert_invariants()
