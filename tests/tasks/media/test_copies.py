"""Copies: what succeeded is copied by the worker, served from there when the vendor's link has died, and let go."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.tasks.media.conftest import Opened
from tests.tasks.media.gallery import SONG, Gallery

from pronghorn.kit.clock import FakeClock
from pronghorn.tasks.mirror import RETRIES_S
from pronghorn.tasks.shelf import MARK


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def files(store: Path) -> dict[str, bytes]:
    found = (path for path in store.rglob("*") if path.is_file() and path.name != MARK)
    return {str(path.relative_to(store)): path.read_bytes() for path in found}


async def test_a_copy_outlives_the_vendors_link(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        assert await gallery.mirror().round() == 1
        assert files(store) == {"task-1/0.mp3": SONG}
        gallery.studio.is_dead = True
        answer, body = await gallery.get(path)
        assert (answer.status, body, answer.headers["content-type"]) == (200, SONG, "audio/mpeg")
        assert answer.headers["content-length"] == "640000"
        assert len(gallery.studio.seen) == 1


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, 640_000),
        ("bytes=100-199", 100, 200),
        ("bytes=639999-700000", 639_999, 640_000),
        ("bytes=-5", 639_995, 640_000),
    ],
)
async def test_a_copy_has_parts(opened: Opened, store: Path, asked: str, start: int, stop: int) -> None:
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        await gallery.mirror().round()
        answer, body = await gallery.get(path, range=asked)
        assert (answer.status, body) == (206, SONG[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/640000"
        answer, body = await gallery.get(path, range="bytes=640000-")
        assert (answer.status, body, answer.headers["content-range"]) == (416, b"", "bytes */640000")
        answer, body = await gallery.get(path, "HEAD")
        assert (answer.status, body, answer.headers["content-length"]) == (200, b"", "640000")
        assert len(gallery.studio.seen) == 1


async def test_an_empty_file_is_an_empty_file(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store)) as gallery:
        gallery.studio.files["song.mp3"] = (b"", "audio/mpeg")
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        await gallery.mirror().round()
        gallery.studio.is_dead = True
        answer, body = await gallery.get(path)
        assert (answer.status, body, answer.headers["content-length"]) == (200, b"", "0")


async def test_only_what_succeeded_is_copied_and_only_once(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store)) as gallery:
        url = f"{gallery.studio.url}/files/song.mp3"
        await gallery.hang(url, state="failed")
        await gallery.hang(url, state="running", finished_ms=None)
        await gallery.hang(url)
        mirror = gallery.mirror()
        assert [await mirror.round() for _ in range(3)] == [1, 0, 0]
        assert await gallery.mirror().round() == 1  # another worker, or this one after a restart
        assert list(files(store)) == ["task-3/0.mp3"]
        assert len(gallery.studio.seen) == 1


async def test_an_end_that_is_written_late_is_seen(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store)) as gallery:
        mirror = gallery.mirror()
        assert await mirror.round() == 0
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3", finished_ms=gallery.now_ms - 50_000)
        assert await mirror.round() == 1


async def test_each_of_many_is_copied(opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pronghorn.tasks.mirror.BATCH", 5)
    async with opened(media_store=str(store)) as gallery:
        gallery.studio.files["song.mp3"] = (b"la", "audio/mpeg")
        for number in range(23):
            ended = gallery.now_ms - 120_000 + 7_000 * number
            await gallery.hang(f"{gallery.studio.url}/files/song.mp3", finished_ms=ended)
        mirror = gallery.mirror()
        assert [await mirror.round() for _ in range(6)] == [5, 5, 5, 5, 3, 0]
        assert len(files(store)) == 23


async def test_what_fails_is_tried_again_and_again_and_then_given_up(opened: Opened, store: Path) -> None:
    clock = FakeClock(time.time())
    async with opened(media_store=str(store)) as gallery:
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        gallery.studio.is_dead = True
        mirror = gallery.mirror(clock)
        assert [await mirror.round(), await mirror.round()] == [1, 0]
        clock.advance(RETRIES_S[0] + 1)
        assert [await mirror.round(), await mirror.round()] == [1, 0]
        assert files(store) == {}
        gallery.studio.is_dead = False
        clock.advance(RETRIES_S[1] + 1)
        assert await mirror.round() == 1
        assert files(store) == {"task-1/0.mp3": SONG}
        await gallery.hang(
            f"{gallery.studio.url}/files/none",
            created_ms=int(clock.now() * 1000),
            finished_ms=int(clock.now() * 1000),
        )
        rounds = 0
        for pause_s in (0.0, *RETRIES_S, 7200.0, 7200.0):
            clock.advance(pause_s + 1)
            rounds += await mirror.round()
        assert rounds == 1 + len(RETRIES_S)


async def test_a_vendor_that_takes_too_long_is_given_up(
    opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pronghorn.tasks.media.COPY_S", 0.3)
    async with opened(media_store=str(store)) as gallery:
        await gallery.hang(f"{gallery.studio.url}/files/stalled")
        assert await gallery.mirror().round() == 1
        await asyncio.wait_for(gallery.studio.left.wait(), 5)
        assert files(store) == {}


async def test_what_is_too_large_or_no_file_leaves_nothing(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store), media_max_bytes=8_000_000) as gallery:
        for name in ("endless", "broken", "page"):
            gallery.studio.files["page"] = (b"<p>", "text/html")
            await gallery.hang(f"{gallery.studio.url}/files/{name}")
        assert await gallery.mirror().round() == 3
        assert files(store) == {}


async def test_what_was_not_copied_yet_is_copied_when_it_is_first_asked_for(
    opened: Opened, store: Path
) -> None:
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        answer, body = await gallery.get(path, range="bytes=5-9")
        assert (answer.status, body) == (206, SONG[5:10])
        await until(store, {"task-1/0.mp3": SONG})
        gallery.studio.is_dead = True
        answer, body = await gallery.get(path)
        assert (answer.status, body) == (200, SONG)


@pytest.mark.parametrize("state", ["running", "failed"])
async def test_a_preview_is_neither_copied_nor_taken_from_a_copy(
    opened: Opened, store: Path, state: str
) -> None:
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3", state=state)
        assert (await gallery.get(path))[1] == SONG
        await asyncio.sleep(0.3)
        assert len(gallery.studio.seen) == 1
        (store / "task-1").mkdir(parents=True)
        (store / "task-1" / "0.mp3").write_bytes(b"an old preview")
        assert (await gallery.get(path))[1] == SONG


async def until(store: Path, wanted: dict[str, bytes]) -> None:
    deadline = time.monotonic() + 5
    while not store.exists() or files(store) != wanted:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_what_would_be_let_go_at_once_is_not_copied(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store), media_keep_days=2) as gallery:
        ended = gallery.now_ms - 3 * 86_400_000
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3", finished_ms=ended)
        answer, _ = await gallery.get(path)
        await asyncio.sleep(0.3)
        assert (answer.status, len(gallery.studio.seen)) == (200, 1)


async def test_a_store_that_fails_leaves_the_vendors_link(opened: Opened, store: Path) -> None:
    store.write_text("a file where the folder should be")
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        assert await gallery.mirror().round() == 1
        answer, body = await gallery.get(path)
        assert (answer.status, body) == (200, SONG)


async def test_old_copies_go_with_their_folders_and_the_others_stay(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store), media_keep_days=30) as gallery:
        url = f"{gallery.studio.url}/files/song.mp3"
        for _ in range(3):
            await gallery.hang(url)
        await gallery.mirror().round()
        for name, days in (("task-1", 31), ("task-2", 29)):
            age(store / name / "0.mp3", days)
        await gallery.mirror().round()
        assert sorted(files(store)) == ["task-2/0.mp3", "task-3/0.mp3"]
        assert not (store / "task-1").exists()


async def test_where_others_have_files_nothing_is_put_and_nothing_deleted(
    opened: Opened, store: Path
) -> None:
    store.mkdir()
    (store / "letters").mkdir()
    for name in ("letter.txt", "letters/letter.txt", "draft#1"):
        (store / name).write_text("Dear Ann")
        age(store / name, 4000)
    before = files(store)
    async with opened(media_store=str(store)) as gallery:
        path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        assert await gallery.mirror().round() == 1
        answer, body = await gallery.get(path)
        assert (answer.status, body) == (200, SONG)
    assert files(store) == before and len(before) == 3


async def test_with_no_days_they_stay_for_ever(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store), media_keep_days=0) as gallery:
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        await gallery.mirror().round()
        age(store / "task-1" / "0.mp3", 4000)
        await gallery.mirror().round()
        assert list(files(store)) == ["task-1/0.mp3"]


def age(path: Path, days: int) -> None:
    at_s = time.time() - days * 86_400
    os.utime(path, (at_s, at_s))


async def test_two_workers_at_once_leave_one_whole_copy(opened: Opened, store: Path) -> None:
    async with opened(media_store=str(store)) as gallery:
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
        await asyncio.gather(*(gallery.mirror().round() for _ in range(5)))
        assert files(store) == {"task-1/0.mp3": SONG}


async def test_without_a_store_nothing_is_copied(gallery: Gallery) -> None:
    await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
    await gallery.mirror().run_forever()
    assert gallery.studio.seen == []
