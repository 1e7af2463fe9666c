"""`/v1/tasks/{id}/events`: a task as a stream, from what it is to its end, and never longer than somebody listens."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.store.databases import SQLite
from tests.tasks.unified.stand import Caller, Stand, standing

from pronghorn.api.tasks import following
from pronghorn.relay.incoming import Headers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def opened(caller: Caller, task_id: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with caller.http.get(f"/v1/tasks/{task_id}/events") as answer:
        assert answer.status == 200, await answer.text()
        yield answer


async def read_event(answer: aiohttp.ClientResponse) -> dict[str, Any] | None:
    """None: the stream has ended properly."""
    async with asyncio.timeout(20):
        lines = []
        while line := await answer.content.readline():
            if line == b"\n":
                break
            lines.append(line)
    if not lines:
        return None
    assert lines[0] == b"event: task\n"
    return dict(json.loads(lines[1].removeprefix(b"data: ")))


async def test_a_stream_begins_with_the_task_tells_each_change_and_ends_with_it(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing()
    told = []
    async with opened(caller, task_id) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        while (task := await read_event(answer)) is not None:
            told.append(task)
    assert told[0]["status"] == "queued"
    assert (told[-1]["status"], told[-1]["cost_usd"]) == ("succeeded", "0.10")
    assert told[-1] == await caller.get(f"/v1/tasks/{task_id}")
    steps = [(task["status"], task["progress"]) for task in told]
    assert len(steps) >= 3 and [progress for _, progress in steps] == sorted(p for _, p in steps)
    assert all(one != other for one, other in itertools.pairwise(told))


async def test_what_is_over_is_told_once(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing("fail")
    await caller.until(task_id, "failed")
    begun = time.monotonic()
    async with opened(caller, task_id) as answer:
        first, then = await read_event(answer), await read_event(answer)
    assert first is not None and first["status"] == "failed"
    assert then is None
    assert time.monotonic() - begun < 1.0


async def test_an_account_has_so_many_streams_and_one_that_is_left_is_free_at_once(stand: Stand) -> None:
    caller, other = await stand.somebody(), await stand.somebody()
    task_id = await caller.sing("stuck")
    async with contextlib.AsyncExitStack() as streams:
        for _ in range(following.MAX_OF_AN_ACCOUNT - 1):
            await streams.enter_async_context(opened(caller, task_id))
        last = opened(caller, task_id)
        assert await read_event(await last.__aenter__())
        assert stand.gateway.asgi.room.held == 0  # they keep nobody's body out
        refused = await caller.call("GET", f"/v1/tasks/{task_id}/events")
        assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
        assert "retry-after" in refused.headers
        async with opened(other, await other.sing("stuck")) as answer:
            assert await read_event(answer)  # somebody else's are counted apart
        left = time.monotonic()
        await last.__aexit__(None, None, None)
        while (await _status(caller, task_id)) == 429:
            assert time.monotonic() - left < 2.0
            await asyncio.sleep(0.02)


async def test_a_stream_takes_no_body(stand: Stand) -> None:
    caller = await stand.somebody()
    answer = await caller.call("GET", f"/v1/tasks/{await caller.sing('stuck')}/events", {"a": 1})
    assert (answer.status, answer.error["code"]) == (400, "invalid_request_error")


async def _status(caller: Caller, task_id: str) -> int:
    async with caller.http.get(f"/v1/tasks/{task_id}/events") as answer:
        return answer.status


async def test_the_many_ask_the_database_no_more_often_than_the_few() -> None:
    crowd = following.Following()
    crowd._of_account["acc_1"] = 100
    assert crowd._pause_s() == following.PAUSE_S
    crowd._of_account["acc_2"] = 900
    assert crowd._pause_s() == 1000 / following.LOOKS_A_SECOND


class Ear:
    """A caller's end that remembers what came and when."""

    straight = None

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.has_ended = False
        self.hang_up: Any = None

    def on_disconnect(self, callback: Any) -> None:
        self.hang_up = callback

    async def start(self, status: int, headers: Headers) -> None:
        assert status == 200

    async def write(self, data: bytes) -> None:
        self.heard.append(data)

    async def end(self) -> None:
        self.has_ended = True

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        raise AssertionError("it is a stream")

    def break_off(self) -> None:
        raise AssertionError("it ends properly")


class Payer:
    account_id = "acc_1"


async def test_a_quiet_stream_pings_and_who_hangs_up_is_not_waited_for() -> None:
    ear, quiet = Ear(), following.Following(pause_s=0.02, ping_s=0.1)

    async def look() -> dict[str, Any]:
        return {"status": "running"}

    payer: Any = Payer()
    telling = asyncio.ensure_future(quiet.follow(payer, {"status": "running"}, look, lambda _: False, ear))
    async with asyncio.timeout(5):
        while len(ear.heard) < 4:
            await asyncio.sleep(0.01)
    assert ear.heard[1:4] == [b": ping\n\n"] * 3
    ear.hang_up()
    async with asyncio.timeout(1):
        await telling
    assert not ear.has_ended and quiet._of_account.total() == 0


async def test_a_stream_ends_when_its_task_is_gone() -> None:
    ear, quiet = Ear(), following.Following(pause_s=0.01)

    async def look() -> None:
        return None

    payer: Any = Payer()
    async with asyncio.timeout(5):
        await quiet.follow(payer, {"status": "running"}, look, lambda _: False, ear)
    assert len(ear.heard) == 1 and ear.has_ended


async def test_a_stream_ends_properly_and_soon_when_the_gateway_stops(sqlite: SQLite, tmp_path: Path) -> None:
    async with sqlite.migrated() as database, standing(database, tmp_path) as stand:
        caller = await stand.somebody()
        async with opened(caller, await caller.sing("stuck")) as answer:
            assert await read_event(answer)
            begun = time.monotonic()
            stand.server.should_exit = True
            while await read_event(answer) is not None:
                pass
        assert time.monotonic() - begun < 3.0
