"""Hooks: what a vendor says wakes the engine and nothing else, once a second at most, whoever says it how often."""

import asyncio
import gzip
import io
import json
from typing import Any

import aiohttp
import pytest
from sqlalchemy import insert
from tests.tasks.media.gallery import Gallery

from pronghorn.store import Database
from pronghorn.store.models import Account, Task
from pronghorn.tasks import repository
from pronghorn.tasks.repository import CLAIM_MS, SUBMIT_MS
from pronghorn.tasks.waking import wake

NOW_MS = 1_780_000_000_250
NEXT_MS = 1_780_000_001_000


async def post(gallery: Gallery, path: str, body: bytes = b"{}", **how: Any) -> tuple[int, bytes]:
    data = io.BytesIO(body)
    async with (
        aiohttp.ClientSession(gallery.run.url) as session,
        session.post(path, data=data, **how) as answer,
    ):
        return answer.status, await answer.read()


async def running(gallery: Gallery, **more: Any) -> str:
    """A task that goes on; gives the path of its hook."""
    await gallery.add("task-a", [], **({"state": "running", "finished_ms": None} | more))
    return gallery.links.callback("task-a")


async def test_a_hook_wakes_the_task_and_answers_nothing(gallery: Gallery) -> None:
    path = await running(gallery)
    assert await post(gallery, path, b'{"status":"SUCCESS"}') == (200, b"{}")
    row = await gallery.row("task-a")
    assert row.due_ms <= gallery.now_ms + 1000
    assert (row.state, row.finished_ms, row.fence) == ("running", None, 0)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b'"x"', b"null", b'{"task_id":7}', b"a=b"])
async def test_whatever_it_says_is_the_same(gallery: Gallery, body: bytes) -> None:
    path = await running(gallery)
    assert await post(gallery, path, body) == (200, b"{}")
    assert (await gallery.row("task-a")).due_ms <= gallery.now_ms + 1000


async def test_a_forged_one_is_not_found_and_wakes_nobody(gallery: Gallery) -> None:
    path = await running(gallery)
    await gallery.add("task-b", [], state="running", finished_ms=None)
    before = await gallery.row("task-a")
    signature = path.rpartition("/")[2]
    for wrong in (
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path[:-5],
        f"/hooks/tasks/task-b/{signature}",
        f"/hooks/tasks/none/{signature}",
        gallery.links.callback("none"),
        f"/hooks/tasks/task-a/{gallery.link('task-a', '0.mp3').rpartition('/')[2]}",
    ):
        status, body = await post(gallery, wrong)
        assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
    assert await gallery.row("task-a") == before


async def test_a_body_of_more_than_a_mebibyte_is_refused(gallery: Gallery) -> None:
    path = await running(gallery)
    assert (await post(gallery, path, b"x" * (1024 * 1024 + 1)))[0] == 413
    assert (await post(gallery, path, b"x" * (1024 * 1024 + 1), chunked=True))[0] == 413
    bomb = gzip.compress(bytes(1024 * 1024 + 1))
    assert (await post(gallery, path, bomb, headers={"content-encoding": "gzip"}))[0] == 413
    assert (await gallery.row("task-a")).due_ms > gallery.now_ms + 5_000
    assert (await post(gallery, path, b"x" * (1024 * 1024)))[0] == 200


async def test_only_a_post_is_a_hook(gallery: Gallery) -> None:
    path = await running(gallery)
    assert (await gallery.get(path))[0].status == 405


async def test_the_vendors_id_is_taken_where_ours_is_unknown_and_only_there(gallery: Gallery) -> None:
    path = await running(gallery, upstream_id=None, due_ms=gallery.now_ms + SUBMIT_MS)
    due_ms = (await gallery.row("task-a")).due_ms
    for named in ("", "x" * 401, "a\nb", "the-first", "the-second"):
        await post(gallery, path, json.dumps({"task_id": named}).encode())
    row = await gallery.row("task-a")
    assert (row.upstream_id, row.due_ms, row.fence) == ("the-first", due_ms, 0)


async def test_what_has_ended_stays_as_it_is(gallery: Gallery) -> None:
    await gallery.add("task-a", [])
    before = await gallery.row("task-a")
    assert await post(gallery, gallery.links.callback("task-a"), b'{"task_id":"other"}') == (200, b"{}")
    assert await gallery.row("task-a") == before


async def test_twenty_at_once_have_one_effect(gallery: Gallery) -> None:
    path = await running(gallery)
    answers = await asyncio.gather(*(post(gallery, path) for _ in range(20)))
    assert set(answers) == {(200, b"{}")}
    row = await gallery.row("task-a")
    assert row.due_ms % 1000 == 0 and row.fence == 0


# The row, on each database

ROW = {
    "family": "suno",
    "action": "music",
    "account_id": "acc_1",
    "mode": "live",
    "key_id": "key_1",
    "model": "suno",
    "request_id": "req_1",
    "channel_id": "chn_1",
    "credential": "",
    "state": "running",
    "request": "",
    "created_ms": NOW_MS - 1000,
    "deadline_ms": NOW_MS + 600_000,
    "attempts": [],
}


async def put(database: Database, **more: Any) -> None:
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", created_ms=0))
        await tx.execute(insert(Task).values(ROW | {"id": "t", "upstream_id": "u"} | more))


async def woken(database: Database, now_ms: int = NOW_MS, upstream_id: str | None = None) -> Any:
    async with database.write() as tx:
        await wake(tx, "t", now_ms, upstream_id)
    async with database.read() as tx:
        return await repository.find(tx, "t")


@pytest.mark.parametrize(
    ("due_ms", "then_ms"),
    [
        (NOW_MS + 30_000, NEXT_MS),
        (NEXT_MS + 1, NEXT_MS),
        (NEXT_MS, NEXT_MS),
        (NOW_MS + 100, NOW_MS + 100),
        (NOW_MS - 5_000, NOW_MS - 5_000),
        (NOW_MS + CLAIM_MS, NOW_MS + CLAIM_MS),  # somebody looks now
        (NOW_MS + SUBMIT_MS, NOW_MS + SUBMIT_MS),  # somebody submits it now
    ],
)
async def test_it_is_looked_at_sooner_and_never_later(database: Database, due_ms: int, then_ms: int) -> None:
    await put(database, due_ms=due_ms)
    assert (await woken(database)).due_ms == then_ms


async def test_a_flood_makes_one_look_a_second(database: Database) -> None:
    """Hooks every 20 ms for ten seconds, and a worker that looks whenever it may, for 300 ms each time."""
    await put(database, due_ms=NOW_MS + 6_000)
    looks, done, fence = 0, 0, None
    busy_until_ms = 0
    for now_ms in range(NOW_MS, NOW_MS + 10_000, 20):
        await woken(database, now_ms)
        async with database.write() as tx:
            if fence is not None and now_ms >= busy_until_ms:
                done += await repository.change(tx, "t", fence, {"due_ms": now_ms + 6_000})
                fence = None
            for row in await repository.claim(tx, now_ms, now_ms + CLAIM_MS, 10):
                looks, fence, busy_until_ms = looks + 1, row.fence, now_ms + 300
    assert looks in (10, 11)
    assert done >= looks - 1


async def test_a_slow_look_is_not_taken_over_by_the_next(database: Database) -> None:
    """A vendor that takes three seconds to answer, and tells of progress all the time."""
    await put(database, due_ms=NOW_MS)
    async with database.write() as tx:
        (row,) = await repository.claim(tx, NOW_MS, NOW_MS + CLAIM_MS, 10)
    for now_ms in range(NOW_MS, NOW_MS + 3_000, 100):
        await woken(database, now_ms)
        async with database.write() as tx:
            assert await repository.claim(tx, now_ms, now_ms + CLAIM_MS, 10) == []
    async with database.write() as tx:
        assert await repository.change(tx, "t", row.fence, {"percent": 50})
