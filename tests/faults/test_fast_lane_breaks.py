"""What breaks while the fast lane waits for an answer ends as it would have ended the usual way."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from tests.faults import raw
from tests.faults.harness import Case, Gateway, running
from tests.faults.test_fast_lane import PLAIN, UNUSUAL, assert_same, in_turn, plays, quiet, refusal, watched
from tests.faults.test_odd_answers import GOOD
from tests.faults.upstream import End, Seen, Step, completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST_BYTE_S, IDLE_S, TOTAL_S = 1.0, 1.0, 2.0
MOST_BYTES = 16 * 1024

(ANSWER,) = whole(GOOD)
HEAD = ANSWER[: -len(GOOD)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """It waits for nobody for long, and takes no large answer."""
    async with running(
        tmp_path_factory.mktemp("hasty"),
        first_byte_timeout_s=FIRST_BYTE_S,
        idle_timeout_s=IDLE_S,
        total_timeout_s=TOTAL_S,
        max_answer_bytes=MOST_BYTES,
    ) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """It asks a second time."""
    async with running(tmp_path_factory.mktemp("patient"), retries=1) as found:
        yield found


# Answers that break off, or are no HTTP

BROKEN: dict[str, Sequence[Step]] = {
    "a cut in the status line": (ANSWER[:7], End.CLOSE),
    "a cut in a header": (HEAD[:-9], End.CLOSE),
    "a cut after the head": (HEAD, End.CLOSE),
    "a cut in the body": (ANSWER[:-5], End.CLOSE),
    "a reset in a header": (HEAD[:-9], End.RESET),
    "a reset after the head": (HEAD, End.RESET),
    "a reset in the body": (ANSWER[:-5], End.RESET),
    "a cut in a chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{", End.CLOSE),
    "a cut before the last chunk": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(GOOD), GOOD),
        End.CLOSE,
    ),
    "a cut after hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n", End.CLOSE),
    "a cut in the body of an error": (refusal("400 Bad")[0][:-5], End.CLOSE),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n",),
    "another version": (ANSWER.replace(b"HTTP/1.1", b"HTTP/3.0"),),
    "a switch of protocols": (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",),
    "hints without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + ANSWER,),
    "two lengths": (ANSWER.replace(b"content-type", b"content-length: 1\r\ncontent-type"),),
    "a length and chunks": (ANSWER.replace(b"content-type", b"transfer-encoding: chunked\r\ncontent-type"),),
    "a length that is none": (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n" + GOOD,),
    "a negative length": (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n" + GOOD,),
    "a chunk that is none": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",),
    "a head without end": (HEAD[:-2] + b"a: %b\r\n" % (b"b" * 300_000),),
    "too many headers": (HEAD[:-2] + b"a: b\r\n" * 600 + b"\r\n",),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_answer_is_the_same_on_both_ways(case: Case, what: str) -> None:
    fast = await assert_same(case, BROKEN[what])
    assert fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status, len(fast.seen["calls"])) == (502, 1)
    assert fast.seen["rows"][0]["cost"] == 0


async def drip(writer: asyncio.StreamWriter, _: Seen) -> None:
    """A byte now and then, for longer than an answer may take."""
    async with asyncio.timeout(5 * TOTAL_S):
        for at in itertools.count():
            writer.write(ANSWER[at : at + 1])
            await writer.drain()
            await asyncio.sleep(TOTAL_S / 40)


SLOW: dict[str, tuple[Sequence[Step], int]] = {
    "silence": ((End.SILENT,), 504),
    "silence in a header": ((HEAD[:-9], End.SILENT), 504),
    "silence after the head": ((HEAD, End.SILENT), 504),
    "silence in the body": ((ANSWER[:-5], End.SILENT), 504),
    "silence after hints": ((b"HTTP/1.1 103 Early Hints\r\n\r\n", End.SILENT), 504),
    "a byte now and then": ((drip,), 504),
    "too much": (whole(b'"' + b"a" * MOST_BYTES + b'"'), 502),
    "too much in an error": (whole(b'"' + b"a" * MOST_BYTES + b'"', "400 Bad"), 502),
}


@pytest.mark.parametrize("what", SLOW)
async def test_a_vendor_that_exceeds_a_limit_is_given_up_the_same_on_both_ways(
    hasty: Gateway, what: str
) -> None:
    case = await hasty.case()
    script, status = SLOW[what]
    fast = await assert_same(case, script)
    assert fast.is_handed_over
    assert fast.answer is not None
    assert fast.answer.status == status
    (row,) = fast.seen["rows"]
    assert (row["end_reason"], row["cost"]) == ("upstream_timeout" if status == 504 else "upstream_error", 0)
    await case.assert_invariants()


# A connection that was dead already

ends = pytest.mark.parametrize("end", [End.CLOSE, End.RESET], ids=["closed", "reset"])


@ends
async def test_a_pooled_connection_that_was_dead_is_replaced_and_answered(case: Case, end: End) -> None:
    fast = await assert_same(case, in_turn(case.gateway, (end,), whole(GOOD)))
    assert fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status, fast.answer.body) == (200, GOOD)
    first, second = fast.seen["calls"]
    assert first == second
    (row,) = fast.seen["rows"]
    assert row["end_reason"] == "ok"
    assert [attempt["status"] for attempt in row["attempts"]] == [200]


@ends
async def test_it_is_replaced_once_and_no_more(case: Case, end: End) -> None:
    fast = await assert_same(case, (end,))
    assert fast.answer is not None
    assert (fast.answer.status, len(fast.seen["calls"])) == (502, 2)


async def test_a_connection_that_the_vendor_has_closed_meanwhile_is_not_taken(case: Case) -> None:
    gateway = case.gateway
    plays(gateway, (*whole(completion()), End.CLOSE))
    async with raw.connect(gateway.port) as connection:
        await connection.send(case.chat_request())
        assert (await connection.answer()).status == 200
        await asyncio.wait_for(gateway.upstream.seen[0].closed.wait(), 5)
        plays(gateway, whole(completion()))
        with watched(gateway) as flights:
            while not flights:  # the first ones meet no connection that waits for them
                await connection.send(case.chat_request())
                assert (await connection.answer()).status == 200
    assert [seen.is_complete for seen in gateway.upstream.seen] == [True] * len(gateway.upstream.seen)
    await quiet(case)


# Asked again

FAILURES: dict[str, Sequence[Step]] = {
    **{status: refusal(f"{status} Odd") for status in ("500", "502", "503", "529")},
    "429": refusal("429 Slow", "retry-after: 0\r\n"),
    "an answer that is none": whole(b"{}"),
    "an error under 200": whole({"error": {"message": "m"}}),
    "a cut in the body": (ANSWER[:-5], End.CLOSE),
    "a reset in a header": (HEAD[:-9], End.RESET),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n",),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_one_bad_moment_is_invisible_on_both_ways(patient: Gateway, what: str) -> None:
    case = await patient.case()
    fast = await assert_same(case, in_turn(patient, FAILURES[what], whole(GOOD)))
    assert fast.is_handed_over
    assert fast.answer is not None
    assert (fast.answer.status, fast.answer.body) == (200, GOOD)
    (row,) = fast.seen["rows"]
    assert [bool(attempt["error"]) for attempt in row["attempts"]] == [True, False]
    assert (row["end_reason"], len(fast.seen["calls"])) == ("ok", 2)
    await case.assert_invariants()


@pytest.mark.parametrize("what", [*FAILURES, "dead"])
async def test_two_bad_moments_are_the_same_on_both_ways(patient: Gateway, what: str) -> None:
    case = await patient.case()
    script = FAILURES.get(what) or (End.CLOSE,)
    fast = await assert_same(case, script)
    assert fast.answer is not None
    (row,) = fast.seen["rows"]
    assert (len(row["attempts"]), row["cost"], fast.answer.status >= 429) == (2, 0, True)
    await case.assert_invariants()


async def test_a_vendor_that_fails_is_left_alone_after_as_many_failures_as_ever(gateway: Gateway) -> None:
    """Whichever way they came, five in a row close the way; then nobody is asked."""
    told = []
    for headers in (UNUSUAL, PLAIN):
        case, said = await gateway.case(), []
        body = case.chat_request().partition(b"\r\n\r\n")[2]
        plays(gateway, whole(completion()))
        async with raw.connect(gateway.port) as connection:
            with watched(gateway) as flights:
                for number in range(8):
                    await connection.send(case.post("/v1/chat/completions", body, **headers))
                    answer = await connection.answer()
                    said.append((answer.status, "" if answer.status == 200 else answer.error["code"]))
                    if not number:
                        plays(gateway, refusal("500 Odd"))
        told.append((said, len(gateway.upstream.seen)))
        assert len(flights) == (0 if headers else 5)
        await quiet(case)
        await case.assert_invariants()
    assert told[0] == told[1]
    assert told[0][1] == 5
    assert [status for status, _ in told[0][0]] == [200, *[502] * 5, 503, 503]


async def test_a_flight_that_ends_well_lets_the_failures_before_it_be_forgotten(gateway: Gateway) -> None:
    told = []
    for headers in (UNUSUAL, PLAIN):
        case, said = await gateway.case(), []
        body = case.chat_request().partition(b"\r\n\r\n")[2]
        async with raw.connect(gateway.port) as connection:
            for is_well in (True, *[False] * 4, True, *[False] * 4, True):
                plays(gateway, whole(completion()) if is_well else refusal("500 Odd"))
                with watched(gateway) as flights:
                    await connection.send(case.post("/v1/chat/completions", body, **headers))
                    said.append((await connection.answer()).status)
            assert len(flights) == (0 if headers else 1)
        told.append(said)
        await quiet(case)
    assert told[0] == told[1] == [200, *[502] * 4, 200, *[502] * 4, 200]
