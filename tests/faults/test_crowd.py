"""Too much at one time is refused at the door, in the caller's words, and costs nothing; the rest goes on."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Gateway, running
from tests.faults.raw import request
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = 300_000
"""Bytes of a body that does not come in one piece."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("crowd")
    async with running(folder, max_open_requests=3, bodies_in_flight_bytes=2 * LARGE) as found:
        yield found


async def test_one_more_than_fits_is_refused_and_the_next_is_not(gateway: Gateway) -> None:
    case = await gateway.case()
    goes_on = asyncio.Event()
    gateway.upstream.plays(goes_on, *whole(completion()))
    open_calls = [asyncio.ensure_future(case.chat()) for _ in range(3)]
    await gateway.upstream.reached(3)
    refused = await case.chat()
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert refused.error["code"] == "unavailable"
    body = json.dumps({"model": case.model, "max_tokens": 5, "messages": []}).encode()
    anthropic = await case.call(case.post("/v1/messages", body))
    assert (anthropic.status, anthropic.error["type"]) == (503, "api_error")
    health = await case.call(request("GET", "/healthz", {}, b""))
    assert health.status == 200
    assert len(gateway.upstream.seen) == 3
    goes_on.set()
    assert [answer.status for answer in await asyncio.gather(*open_calls)] == [200, 200, 200]
    assert (await case.chat()).status == 200
    case.ids.clear()  # what was refused at the door has no row
    assert len(await case.rows()) == 4
    await case.assert_invariants()


async def test_large_bodies_wait_their_turn_outside_and_small_ones_pass(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    large = case.chat_request(messages=[{"role": "user", "content": "x" * LARGE}])
    head, _, body = large.partition(b"\r\n\r\n")
    async with case.open(large[:-1]) as first:
        while gateway.inner.asgi.room.held < len(body) - 1:
            await asyncio.sleep(0)
        async with case.open(head + b"\r\n\r\n") as second:
            refused = await second.answer()
            assert (refused.status, refused.header("retry-after")) == (503, "1")
            assert "large bodies" in refused.error["message"]
        assert (await case.chat()).status == 200
        await first.send(large[-1:])
        assert (await first.answer()).status == 200
    assert (await case.call(large)).status == 200
    assert gateway.inner.asgi.room.held == 0
    case.ids.clear()
    await case.assert_invariants()


async def test_who_announces_much_and_sends_little_keeps_nobody_out(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*whole(completion()))
    large = case.chat_request(messages=[{"role": "user", "content": "x" * LARGE}])
    async with case.open(large[:1000]) as first, case.open(large[:1000]) as second:
        while not gateway.inner.asgi.room.held:
            await asyncio.sleep(0)
        assert (await case.call(large)).status == 200
        for slow in (first, second):
            await slow.send(large[1000:])
            assert (await slow.answer()).status == 200
    case.ids.clear()
    await case.assert_invariants()


async def test_packed_bodies_take_the_room_of_what_is_in_them(gateway: Gateway) -> None:
    case = await gateway.case()
    goes_on = asyncio.Event()
    gateway.upstream.plays(goes_on, *whole(completion()))
    content = {"model": case.model, "max_tokens": 5, "messages": [{"role": "user", "content": "x" * LARGE}]}
    packed = case.post(
        "/v1/chat/completions", gzip.compress(json.dumps(content).encode()), content_encoding="gzip"
    )
    open_call = asyncio.ensure_future(case.call(packed))
    await gateway.upstream.reached(1)
    refused = await case.call(packed)
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    goes_on.set()
    assert (await open_call).status == 200
    case.ids.clear()
    await case.assert_invariants()
