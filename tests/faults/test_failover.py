"""A second channel answers where the first cannot, but nothing is ever asked for twice that could cost twice."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.harness import Gateway
from tests.faults.upstream import (
    DONE,
    EVENTS,
    ONE,
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

from pronghorn.routing.health import FAULTS_IN_A_ROW

pytestmark = pytest.mark.asyncio(loop_scope="module")

COST = 10 * 1_000 + 5 * 2_000


@pytest_asyncio.fixture(loop_scope="module")
async def second(gateway: Gateway) -> AsyncIterator[ScriptedUpstream]:
    gateway.upstream.seen = []
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


def failure(status: str) -> tuple[bytes]:
    return whole({"error": {"message": "m", "code": "c"}}, status)


FAILURES: dict[str, tuple[Step, ...]] = {
    "500": failure("500 Oops"),
    "503": failure("503 Busy"),
    "529": failure("529 Busy"),
    "401": failure("401 No"),
    "403": failure("403 No"),
    "429": failure("429 Slow"),
    "a redirect": failure("302 Found"),
    "reset before the head": (End.RESET,),
    "cut in the head": (b"HTTP/1.1 200", End.CLOSE),
    "a web page": whole(b"<html>", kind="text/html"),
    "an empty body": whole(b""),
    "not HTTP": (b"hello\r\n\r\n", End.CLOSE),
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", FAILURES)
async def test_another_channel_answers(
    gateway: Gateway, second: ScriptedUpstream, what: str, is_stream: bool
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*FAILURES[what])
    second.plays(*(stream() if is_stream else whole(completion())))
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (200, True)
    row = await case.row()
    assert (row.cost, row.end_reason) == (COST, "ok")
    assert [attempt["channel"][-1] for attempt in row.attempts] == ["0", "1"]
    assert [bool(attempt["error"]) for attempt in row.attempts] == [True, False]
    assert row.channel_id.endswith("_1")
    assert second.seen[0].body == gateway.upstream.seen[0].body
    await case.assert_invariants()


BROKEN_STREAMS: dict[str, tuple[Step, ...]] = {
    "after the headers": (STREAM_HEAD, End.RESET),
    "after the role": (STREAM_HEAD, chunk(ROLE), End.CLOSE),
    "clean without DONE": (STREAM_HEAD, chunk(ROLE), b"0\r\n\r\n"),
    "an error event": stream(ROLE, b'data: {"error":{"message":"busy"}}\n\n'),
}


@pytest.mark.parametrize("what", BROKEN_STREAMS)
async def test_a_stream_that_breaks_before_content_is_taken_over_whole(
    gateway: Gateway, second: ScriptedUpstream, what: str
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*BROKEN_STREAMS[what])
    second.plays(*stream())
    answer = await case.chat(stream=True)
    assert answer.is_whole
    assert answer.body == b"".join(EVENTS[:-2]) + DONE
    assert len((await case.row()).attempts) == 2
    await case.assert_invariants()


async def test_nobody_takes_over_after_content(gateway: Gateway, second: ScriptedUpstream) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    answer = await case.chat_in_two((STREAM_HEAD, chunk(ROLE), chunk(ONE)), (End.CLOSE,))
    assert not answer.is_whole
    assert second.seen == []
    assert len((await case.row()).attempts) == 1
    await case.assert_invariants()


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "too long", "code": "context_length_exceeded"}},
        {"error": {"message": "too long", "code": ["odd"], "details": {"a": 1}}},
        {"object": "error", "message": "too long", "code": 400},
        {"detail": "too long"},
        {"code": "their word", "error": "too long"},
    ],
)
async def test_the_vendors_word_about_the_request_is_final(
    gateway: Gateway, second: ScriptedUpstream, body: dict[str, object]
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*whole(body, "400 B"))
    for asked in range(1, 2 * FAULTS_IN_A_ROW):
        answer = await case.chat()
        assert (answer.status, answer.error["message"]) == (400, "too long")
        assert (len(gateway.upstream.seen), second.seen) == (asked, [])
    await case.assert_invariants()


async def test_a_400_without_a_word_goes_on_and_closes_nothing(
    gateway: Gateway, second: ScriptedUpstream
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*whole(b"<html>", "400 B", kind="text/html"))
    second.plays(*whole(completion()))
    for asked in range(1, 2 * FAULTS_IN_A_ROW):
        assert (await case.chat()).status == 200
        assert len(gateway.upstream.seen) == asked
    await case.assert_invariants()


async def test_a_channel_that_is_down_costs_no_call(gateway: Gateway, second: ScriptedUpstream) -> None:
    async with refusing_port() as nowhere:
        case = await gateway.case(nowhere, second.url)
        second.plays(*whole(completion()))
        for _ in range(100):
            assert (await case.chat()).status == 200
    rows = await case.rows()
    assert {len(row.attempts) for row in rows} <= {1, 2}
    assert {row.cost for row in rows} == {COST}
    await case.assert_invariants()


async def test_no_more_than_five_channels_are_asked(gateway: Gateway) -> None:
    async with contextlib.AsyncExitStack() as stack:
        nowhere = [await stack.enter_async_context(refusing_port()) for _ in range(8)]
        case = await gateway.case(*nowhere)
        answer = await case.chat()
    assert answer.status == 502
    assert len((await case.row()).attempts) == 5
    await case.assert_invariants()


PICTURES = {"data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 10, "output_tokens": 5}}
NOT_REPEATED: dict[str, tuple[Step, ...]] = {
    "reset after the request": (End.RESET,),
    "500": failure("500 Oops"),
    "503": failure("503 Busy"),
    "cut in the answer": (whole(PICTURES)[0][:-5], End.CLOSE),
    "an empty body": whole(b""),
}


def picture_request(case: Any) -> bytes:
    data: bytes = case.post(
        "/v1/images/generations", b'{"model":"%s","prompt":"a cat"}' % case.model.encode()
    )
    return data


@pytest.mark.parametrize("what", NOT_REPEATED)
async def test_pictures_that_may_have_been_made_are_not_asked_for_again(
    gateway: Gateway, second: ScriptedUpstream, what: str
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*NOT_REPEATED[what])
    second.plays(*whole(PICTURES))
    answer = await case.call(picture_request(case))
    assert answer.status == 502
    assert (len(gateway.upstream.seen), len(second.seen)) == (1, 0)
    assert (await case.row()).cost == 0
    await case.assert_invariants()


@pytest.mark.parametrize("status", ["429 Slow", "401 No"])
async def test_pictures_are_asked_for_elsewhere_if_nothing_was_begun(
    gateway: Gateway, second: ScriptedUpstream, status: str
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    gateway.upstream.plays(*failure(status))
    second.plays(*whole(PICTURES))
    assert (await case.call(picture_request(case))).status == 200
    assert len((await case.row()).attempts) == 2
    await case.assert_invariants()


async def test_pictures_survive_a_channel_that_is_down(gateway: Gateway, second: ScriptedUpstream) -> None:
    async with refusing_port() as nowhere:
        case = await gateway.case(nowhere, second.url)
        second.plays(*whole(PICTURES))
        assert (await case.call(picture_request(case))).status == 200
    await case.assert_invariants()


async def test_a_pooled_connection_that_died_is_no_failure(gateway: Gateway) -> None:
    """The vendor closes after its answer, without a word: the next request goes out on a new connection."""
    case = await gateway.case()
    for _ in range(20):
        gateway.upstream.plays(*whole(completion()), End.CLOSE)
        assert (await case.chat()).status == 200
    rows = await case.rows()
    assert {len(row.attempts) for row in rows} == {1}
    await case.assert_invariants()


@pytest.mark.parametrize("is_reused", [False, True], ids=["first use", "reused"])
async def test_pictures_are_not_asked_for_again_on_a_connection_that_dies(
    gateway: Gateway, is_reused: bool
) -> None:
    """A reset without an answer on a pooled connection may come after the vendor has begun its work."""
    case = await gateway.case()
    if is_reused:
        gateway.upstream.plays(*whole(completion()))
        assert (await case.chat()).status == 200
    gateway.upstream.plays(End.RESET)
    answer = await case.call(picture_request(case))
    assert answer.status == 502
    assert len(gateway.upstream.seen) == 1
    await case.assert_invariants()
