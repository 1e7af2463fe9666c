"""A vendor that thinks long costs no caller its connection, may still be replaced, and may not drip for ever."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Gateway, running
from tests.faults.raw import RawAnswer, connect
from tests.faults.upstream import (
    DONE,
    EVENTS,
    ONE,
    ROLE,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    chunk,
    stream,
    whole,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PING_S = 0.2
EVENT_S = 0.4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("pulse")
    settings = {"ping_s": PING_S, "event_timeout_s": EVENT_S, "idle_timeout_s": 5.0, "chat_pings": True}
    async with running(folder, **settings) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def second(gateway: Gateway) -> AsyncIterator[ScriptedUpstream]:
    gateway.upstream.seen = []
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()


async def test_head_and_pings_come_while_the_vendor_thinks_and_another_may_still_answer(
    gateway: Gateway, second: ScriptedUpstream
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    has_pinged = asyncio.Event()
    gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), has_pinged, End.CLOSE)
    second.plays(*stream())

    def look(so_far: RawAnswer) -> None:
        if so_far.body.count(b": ping\n\n") >= 2:
            has_pinged.set()

    answer = await case.call(case.chat_request(stream=True), on_data=look)
    assert (answer.status, answer.is_whole) == (200, True)
    pings, _, rest = answer.body.rpartition(b": ping\n\n")
    assert set(pings.split(b": ping\n\n")) == {b""}
    assert rest == b"".join(EVENTS[:-2]) + DONE
    row = await case.row()
    assert [attempt["channel"][-1] for attempt in row.attempts] == ["0", "1"]
    assert row.end_reason == "ok"
    await case.assert_invariants()


async def test_the_caller_hears_of_a_failure_after_the_head(
    gateway: Gateway, second: ScriptedUpstream
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    has_pinged = asyncio.Event()
    gateway.upstream.plays(STREAM_HEAD, has_pinged, End.CLOSE)
    second.plays(*whole({"error": {"message": "m"}}, "500 Oops"))
    answer = await case.call(case.chat_request(stream=True), on_data=lambda _: has_pinged.set())
    assert (answer.status, answer.is_whole) == (200, False)
    assert answer.error["code"] == "upstream_error"
    assert b"[DONE]" not in answer.body
    row = await case.row()
    assert (row.status, row.end_reason, row.cost, len(row.attempts)) == (200, "upstream_error", 0, 2)
    await case.assert_invariants()


async def test_an_answer_that_comes_whole_after_the_head_is_still_a_stream(
    gateway: Gateway, second: ScriptedUpstream
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    has_pinged = asyncio.Event()
    gateway.upstream.plays(STREAM_HEAD, has_pinged, End.CLOSE)
    content = {"role": "assistant", "content": "Hello"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    choices = [{"index": 0, "message": content, "finish_reason": "stop"}]
    second.plays(*whole({"id": "c", "object": "chat.completion", "choices": choices, "usage": usage}))
    answer = await case.call(case.chat_request(stream=True), on_data=lambda _: has_pinged.set())
    assert answer.is_whole
    assert b"Hello" in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    await case.assert_invariants()


async def test_pictures_that_come_whole_after_the_head_are_events_of_their_stream(gateway: Gateway) -> None:
    case = await gateway.case()
    has_pinged = asyncio.Event()
    gateway.upstream.plays(
        has_pinged, *whole({"created": 1, "data": [{"b64_json": "AA"}, {"b64_json": "BB"}]})
    )
    asked = json.dumps({"model": case.model, "prompt": "x", "n": 2, "stream": True}).encode()
    answer = await case.call(case.post("/v1/images/generations", asked), on_data=lambda _: has_pinged.set())
    assert answer.is_whole
    events = [event for event in answer.body.split(b"\n\n") if event.startswith(b"event: ")]
    kind, made = b"event: image_generation.completed\ndata: ", {"type": "image_generation.completed"}
    assert [json.loads(event.removeprefix(kind)) for event in events] == [
        made | {"b64_json": "AA"},
        made | {"b64_json": "BB"},
    ]
    row = await case.row()
    assert (row.end_reason, row.is_stream, row.usage["images"]) == ("ok", True, 2)
    await case.assert_invariants()


async def test_anthropics_clients_get_pings_of_their_own_kind_in_the_middle_too(gateway: Gateway) -> None:
    case = await gateway.case()
    goes_on = asyncio.Event()

    def look(so_far: RawAnswer) -> None:
        if so_far.body.count(b"event: ping\n") >= 2:
            goes_on.set()

    rest = stream(*EVENTS[2:])[1:]
    gateway.upstream.plays(STREAM_HEAD, chunk(ROLE), chunk(ONE), goes_on, *rest)
    body = {"model": case.model, "max_tokens": 50, "stream": True}
    content = json.dumps(body | {"messages": [{"role": "user", "content": "Hi"}]}).encode()
    answer = await case.call(case.post("/v1/messages", content), on_data=look)
    assert answer.is_whole
    assert b'event: ping\ndata: {"type": "ping"}\n\n' in answer.body
    assert b"event: message_stop" in answer.body
    await case.assert_invariants()


@pytest.mark.parametrize("where", ["before content", "after content"])
async def test_an_event_that_only_drips_is_given_up_in_time(
    gateway: Gateway, second: ScriptedUpstream, where: str
) -> None:
    case = await gateway.case(gateway.upstream.url, second.url)
    begun = (STREAM_HEAD,) if where == "before content" else (STREAM_HEAD, chunk(ROLE), chunk(ONE))

    async def drip(writer: asyncio.StreamWriter, _: object) -> None:
        """Valid, and for ever."""
        writer.write(b"2\r\nda\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    gateway.upstream.plays(*begun, drip)
    second.plays(*stream())
    begun_s = time.monotonic()
    answer = await case.call(case.chat_request(stream=True))
    assert time.monotonic() - begun_s > EVENT_S
    row = await case.row()
    if where == "before content":
        assert (answer.is_whole, row.end_reason, len(row.attempts)) == (True, "ok", 2)
    else:
        assert (answer.is_whole, row.end_reason, len(row.attempts)) == (False, "upstream_timeout", 1)
        assert "one event" in answer.error["message"]
    await case.assert_invariants()


async def test_nothing_is_left_of_a_caller_who_went_while_the_vendor_thought(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(STREAM_HEAD, End.SILENT)
    async with connect(gateway.port) as connection:
        await connection.send(case.chat_request(stream=True))
        seen = await gateway.upstream.reached()
        await connection.head()
    async with asyncio.timeout(5):
        await seen.closed.wait()
    row = await case.row()
    assert (row.end_reason, row.cost) == ("client_gone", 0)
    await case.assert_invariants()
