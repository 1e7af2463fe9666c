"""Links: whoever has one gets the file, whole or in part, and nothing else of its vendor."""

import asyncio

import aiohttp
import pytest
from tests.gateway import CANARY
from tests.tasks.media.conftest import Opened
from tests.tasks.media.gallery import SONG, Gallery


async def test_a_file_is_passed_on_whole_without_a_key(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
    answer, body = await gallery.get(path)
    assert (answer.status, body) == (200, SONG)
    head = answer.headers
    assert head["content-type"] == "audio/mpeg"
    assert head["content-length"] == str(len(SONG))
    assert head["accept-ranges"] == "bytes"
    assert head["content-disposition"] == 'inline; filename="task-1-0.mp3"'
    assert head["cache-control"] == "private, max-age=86400"
    assert head["x-content-type-options"] == "nosniff"
    (request,) = gallery.studio.seen
    assert "authorization" not in request.headers and "range" not in request.headers


async def test_what_is_in_the_making_is_kept_by_nobody(gallery: Gallery) -> None:
    url = f"{gallery.studio.url}/files/song.mp3"
    answer, _ = await gallery.get(await gallery.hang(url, state="running", finished_ms=None))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, 640_000),
        ("bytes=100-199", 100, 200),
        ("bytes=639999-", 639_999, 640_000),
        ("bytes=-5", 639_995, 640_000),
    ],
)
async def test_a_part_is_passed_on_as_a_part(gallery: Gallery, asked: str, start: int, stop: int) -> None:
    answer, body = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"), range=asked)
    assert (answer.status, body) == (206, SONG[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/640000"
    assert gallery.studio.seen[0].headers["range"] == asked


async def test_a_part_that_is_not_there_is_told_so(gallery: Gallery) -> None:
    answer, body = await gallery.get(
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3"), range="bytes=700000-"
    )
    assert (answer.status, body) == (416, b"")
    assert answer.headers["content-range"] == "bytes */640000"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=-", "bytes=9-3", "lines=1-2", "bytes=a-b"])
async def test_what_is_no_single_part_gets_the_whole(gallery: Gallery, asked: str) -> None:
    answer, body = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"), range=asked)
    assert (answer.status, body) == (200, SONG)
    assert "range" not in gallery.studio.seen[0].headers


async def test_a_head_has_the_length_and_no_body(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
    answer, body = await gallery.get(path, "HEAD")
    assert (answer.status, body, answer.headers["content-length"]) == (200, b"", "640000")


async def test_wrong_signature_unknown_task_and_unknown_file_are_answered_alike(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
    wrong = [
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path[:-1],
        gallery.link("no-task", "0.mp3"),
        gallery.link("task-1", "7.mp3"),
        gallery.link("task-1", "0.mp4"),
        path.replace("0.mp3", "1.mp3"),
        path.rpartition("/")[0] + "/%C3%A4",
    ]
    told = []
    for one in wrong:
        answer, body = await gallery.get(one)
        request_id = answer.headers["x-request-id"].encode()
        told.append((answer.status, answer.headers["content-type"], body.replace(request_id, b"")))
    assert {status for status, _, _ in told} == {404}
    assert len(set(told)) == 1
    assert gallery.studio.seen == []


async def test_only_reading_is_possible(gallery: Gallery) -> None:
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"), "POST")
    assert (answer.status, gallery.studio.seen) == (405, [])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("audio/mpeg; rate=44100", "audio/mpeg"),
        ("application/octet-stream", "audio/mpeg"),
        ("image/svg+xml", "audio/mpeg"),
        ("text/plain", "audio/mpeg"),
        ("video/mp4", "video/mp4"),
    ],
)
async def test_the_type_is_one_that_no_browser_runs(gallery: Gallery, said: str, told: str) -> None:
    gallery.studio.files["odd"] = (b"<svg onload=alert(1)>", said)
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/odd"))
    assert (answer.status, answer.headers["content-type"]) == (200, told)


@pytest.mark.parametrize(
    "said", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "application/json"]
)
async def test_a_page_in_place_of_a_file_is_the_vendors_fault(gallery: Gallery, said: str) -> None:
    gallery.studio.files["page"] = (f"<script>{CANARY}</script>".encode(), said)
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/page"))
    assert answer.status == 502


async def test_an_expired_link_says_that_it_is_gone_and_a_missing_file_too(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/song.mp3")
    gallery.studio.is_dead = True
    answer, body = await gallery.get(path)
    assert (answer.status, answer.headers["cache-control"]) == (410, "no-store")
    assert b"medium_gone" in body
    gallery.studio.is_dead = False
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/no-such-file"))
    assert answer.status == 410


async def test_a_caller_who_leaves_ends_the_vendors_sending(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/endless")
    async with aiohttp.ClientSession(gallery.run.url) as session:
        answer = await session.get(path)
        assert await answer.content.readexactly(1_000_000)
        answer.close()
        await asyncio.wait_for(gallery.studio.left.wait(), 5)


async def test_a_caller_who_leaves_before_there_is_anything_ends_the_asking(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/silent")
    async with aiohttp.ClientSession(gallery.run.url) as session:
        asking = asyncio.ensure_future(session.get(path))
        while not gallery.studio.seen:
            await asyncio.sleep(0.01)
        assert not gallery.studio.left.is_set()
        asking.cancel()
        await asyncio.wait_for(gallery.studio.left.wait(), 5)


async def test_a_caller_who_leaves_a_vendor_that_stalls_ends_the_waiting(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/stalled")
    async with aiohttp.ClientSession(gallery.run.url) as session:
        answer = await session.get(path)
        assert await answer.content.readexactly(1000)
        assert not gallery.studio.left.is_set()
        answer.close()
        await asyncio.wait_for(gallery.studio.left.wait(), 5)


async def test_a_caller_who_reads_nothing_holds_the_vendor_back(gallery: Gallery) -> None:
    """Nothing is held as a whole: what the vendor could send is bounded by buffers, not by the file."""
    path = await gallery.hang(f"{gallery.studio.url}/files/endless")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gallery.run.url.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    before = -1
    while before != gallery.studio.sent:
        before = gallery.studio.sent
        await asyncio.sleep(0.3)
    assert 0 < gallery.studio.sent < 32_000_000
    writer.close()
    await asyncio.wait_for(gallery.studio.left.wait(), 5)
    assert reader


async def test_a_vendor_that_breaks_off_is_seen_to_have_broken_off(gallery: Gallery) -> None:
    path = await gallery.hang(f"{gallery.studio.url}/files/broken")
    async with aiohttp.ClientSession(gallery.run.url) as session, session.get(path) as answer:
        assert answer.headers["content-length"] == "10000000"
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_file_that_is_too_large_is_refused_or_broken_off(opened: Opened) -> None:
    async with opened(media_max_bytes=500_000) as gallery:
        answer, body = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"))
        assert answer.status == 502 and b"media_max_bytes" in body
        path = await gallery.hang(f"{gallery.studio.url}/files/endless")
        async with aiohttp.ClientSession(gallery.run.url) as session, session.get(path) as endless:
            with pytest.raises(aiohttp.ClientPayloadError):
                await endless.read()
        await asyncio.wait_for(gallery.studio.left.wait(), 5)
