"""Copies in an object store: in parts, with their type, whole or not there, let go when they are old."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.tasks.media.buckets import Bucket
from tests.tasks.media.conftest import Opened
from tests.tasks.media.gallery import SONG, Gallery

FILM = SONG * 20
"""12.8 MB: three parts."""


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    async with Bucket().running() as bucket:
        for name, value in {
            "ENDPOINT": bucket.url,
            "ACCESS_KEY_ID": "key",
            "SECRET_ACCESS_KEY": "secret",
            "REGION": "here",
            "ALLOW_HTTP": "true",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield bucket


@pytest.fixture
async def kept(opened: Opened, bucket: Bucket) -> AsyncIterator[Gallery]:
    async with opened(media_store="s3://media/made") as gallery:
        gallery.studio.files["film.mp4"] = (FILM, "video/webm")
        yield gallery


async def test_a_large_file_goes_in_parts_and_comes_back_in_any(kept: Gallery, bucket: Bucket) -> None:
    path = await kept.hang(f"{kept.studio.url}/files/film.mp4", name="video_url")
    assert await kept.mirror().round() == 1
    assert bucket.objects["made/task-1/0.mp4"][:2] == (FILM, "video/webm")
    kept.studio.is_dead = True
    answer, body = await kept.get(path)
    assert (answer.status, body, answer.headers["content-type"]) == (200, FILM, "video/webm")
    answer, body = await kept.get(path, range="bytes=7000000-7000009")
    assert (answer.status, body) == (206, FILM[7_000_000:7_000_010])
    assert answer.headers["content-range"] == f"bytes 7000000-7000009/{len(FILM)}"
    assert len(kept.studio.seen) == 1


async def test_a_copy_that_is_broken_off_is_not_there(kept: Gallery, bucket: Bucket) -> None:
    await kept.hang(f"{kept.studio.url}/files/broken")
    await kept.mirror().round()
    assert (list(bucket.objects), bucket.uploads) == (["made/pronghorn-media"], {})
    bucket.stalls_at = 2
    path = await kept.hang(f"{kept.studio.url}/files/film.mp4", name="video_url")
    copying = asyncio.ensure_future(kept.mirror().round())
    while not any(bucket.uploads.values()):
        await asyncio.sleep(0.01)
    copying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await copying
    assert list(bucket.objects) == ["made/pronghorn-media"]
    bucket.stalls_at = None
    answer, body = await kept.get(path)
    assert (answer.status, body) == (200, FILM)


async def test_a_store_that_refuses_us_leaves_the_vendors_link(kept: Gallery, bucket: Bucket) -> None:
    bucket.refuses = True
    path = await kept.hang(f"{kept.studio.url}/files/song.mp3")
    await kept.mirror().round()
    answer, body = await kept.get(path)
    assert (answer.status, body) == (200, SONG)


async def test_where_others_have_objects_none_is_put_and_none_deleted(kept: Gallery, bucket: Bucket) -> None:
    bucket.objects["made/letter.txt"] = b"Dear Ann", "text/plain", datetime(2020, 1, 1, tzinfo=UTC)
    path = await kept.hang(f"{kept.studio.url}/files/song.mp3")
    await kept.mirror().round()
    answer, body = await kept.get(path)
    assert (answer.status, body) == (200, SONG)
    assert list(bucket.objects) == ["made/letter.txt"]


async def test_old_copies_go(kept: Gallery, bucket: Bucket) -> None:
    for _ in range(3):
        await kept.hang(f"{kept.studio.url}/files/song.mp3")
    await kept.mirror().round()
    bucket.age("made/task-1/0.mp3", 31)
    bucket.age("made/task-2/0.mp3", 29)
    bucket.objects["others/old.txt"] = bucket.objects["made/task-1/0.mp3"]
    await kept.mirror().round()
    assert sorted(bucket.objects) == [
        "made/pronghorn-media",
        "made/task-2/0.mp3",
        "made/task-3/0.mp3",
        "others/old.txt",
    ]
