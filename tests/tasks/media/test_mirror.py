"""The mirror on each database: what it finds, and that one worker of a fleet does the work until it ends."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from tests.tasks.media.gallery import SONG, Studio

from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import SystemClock
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import Account, Channel, Task
from pronghorn.tasks.job import Bill, Job
from pronghorn.tasks.mirror import Mirror
from pronghorn.tasks.view import sealed

VAULT = Secrets(["a secret of the tests"])


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    async with Studio("127.0.0.1").running() as studio:
        studio.files["song.mp3"] = (SONG, "audio/mpeg")
        yield studio


async def put(database: Database, url: str, **ended: int) -> None:
    """Tasks by the seconds since they ended."""
    now_ms = int(time.time() * 1000)
    channel = {
        "id": "chn_1",
        "name": "c",
        "vendor": "suno",
        "base_url": url,
        "credentials": VAULT.seal('["sk-of-the-channel"]'),
        "models": {},
        "groups": [],
        "created_ms": 0,
    }
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", created_ms=0))
        await tx.execute(insert(Channel).values(channel))
        for task_id, ago_s in ended.items():
            await tx.execute(insert(Task).values(task(task_id, url, now_ms - ago_s * 1000)))


def task(task_id: str, url: str, at_ms: int) -> dict[str, Any]:
    bill = Bill(0, [], 1_000_000, "music", "default", "suno", "", "")
    return {
        "id": task_id,
        "family": "suno",
        "action": "music",
        "account_id": "acc_1",
        "mode": "live",
        "key_id": "key_1",
        "model": "suno",
        "request_id": f"req_{task_id}",
        "channel_id": "chn_1",
        "credential": "of another credential",
        "state": "succeeded",
        "request": sealed(Job({}, bill), VAULT),
        "data": sealed([{"audio_url": f"{url}/files/song.mp3"}], VAULT),
        "created_ms": at_ms - 60_000,
        "finished_ms": at_ms,
        "deadline_ms": at_ms,
        "due_ms": at_ms,
        "attempts": [],
    }


def mirror(database: Database, store: Path) -> Mirror:
    return Mirror(database, VAULT, Settings(media_store=str(store)), SystemClock())


async def test_a_new_worker_looks_back_one_day(database: Database, studio: Studio, tmp_path: Path) -> None:
    studio.is_closed_to_strangers = False
    await put(database, studio.url, now=0, hour=3600, yesterday=86_000, before=90_000)
    one = mirror(database, tmp_path)
    assert [await one.round(), await one.round()] == [3, 0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["hour", "now", "yesterday"]


async def test_one_worker_of_a_fleet_copies_and_another_when_it_has_ended(
    database: Database, studio: Studio, tmp_path: Path
) -> None:
    await put(database, studio.url, one=0)
    mine, other = Database(database.url), Database(database.url)
    try:
        first, second = mirror(mine, tmp_path), mirror(other, tmp_path)
        assert await first.round() == 1
        if not database.is_sqlite:  # where the lock of the data folder keeps others out
            assert await second.round() == 0
        await mine.close()
        assert await second.round() == 1
        assert len(studio.seen) == 1
    finally:
        await other.close()
