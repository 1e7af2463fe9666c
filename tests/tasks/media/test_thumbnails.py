"""Thumbnails: a picture of the width that was asked for, from the vendor or from the copy, and bounds on both ends."""

import io
from pathlib import Path

import pytest
from PIL import Image
from tests.tasks.media.conftest import Opened
from tests.tasks.media.gallery import Gallery

from pronghorn.tasks import thumbnails


def picture(kind: str, size: tuple[int, int] = (1200, 800), mode: str = "RGB", **more: object) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, kind, **more)
    return file.getvalue()


async def hung(gallery: Gallery, data: bytes, kind: str = "image/png") -> str:
    gallery.studio.files["picture"] = (data, kind)
    return await gallery.hang(f"{gallery.studio.url}/files/picture", name="image_url")


def opened_picture(body: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(body))
    found.load()
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("width", [16, 256, 1024])
async def test_it_has_the_width_that_was_asked_for(gallery: Gallery, kind: str, width: int) -> None:
    whole = picture(kind)
    answer, body = await gallery.get(await hung(gallery, whole) + f"?width={width}")
    small = opened_picture(body)
    assert (answer.status, answer.headers["content-type"], small.format) == (200, "image/jpeg", "JPEG")
    assert small.size == (width, round(800 * width / 1200))
    assert int(answer.headers["content-length"]) == len(body)


async def test_it_is_never_made_larger(gallery: Gallery) -> None:
    _, body = await gallery.get(await hung(gallery, picture("PNG", (40, 90))) + "?width=1000")
    assert opened_picture(body).size == (40, 90)


async def test_what_can_be_seen_through_stays_so(gallery: Gallery) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 40)).save(file, "PNG")
    answer, body = await gallery.get(await hung(gallery, file.getvalue()) + "?width=30")
    small = opened_picture(body)
    assert (answer.headers["content-type"], small.size, small.mode) == ("image/webp", (30, 30), "RGBA")
    assert small.getpixel((15, 15))[3] in range(30, 50)  # type: ignore[index]


async def test_it_stands_as_its_camera_says(gallery: Gallery) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    _, body = await gallery.get(await hung(gallery, picture("JPEG", exif=exif)) + "?width=200")
    assert opened_picture(body).size == (200, 300)


@pytest.mark.parametrize("width", ["0", "15", "1025", "-64", "x", "", "64.5", "９０", "1" * 5000])
async def test_another_width_is_refused_by_name(gallery: Gallery, width: str) -> None:
    answer, body = await gallery.get(await hung(gallery, picture("PNG")) + f"?width={width}")
    assert answer.status == 400 and b'"param":"width"' in body
    assert gallery.studio.seen == []


async def test_a_song_has_none(gallery: Gallery) -> None:
    answer, body = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3") + "?width=64")
    assert answer.status == 400 and b'"param":"width"' in body


@pytest.mark.parametrize("cut", [0, 10, 100, 1000])
async def test_a_damaged_picture_is_refused(gallery: Gallery, cut: int) -> None:
    answer, _ = await gallery.get(await hung(gallery, picture("PNG")[:cut]) + "?width=64")
    assert answer.status == 400


@pytest.mark.parametrize("size", [(8_000, 5_001), (20_000, 20_000)])
async def test_a_picture_that_unpacks_to_too_much_is_refused_unread(
    gallery: Gallery, size: tuple[int, int]
) -> None:
    """40 and 400 million pixels in less than a megabyte."""
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    assert len(file.getvalue()) < 1_000_000
    answer, _ = await gallery.get(await hung(gallery, file.getvalue()) + "?width=64")
    assert answer.status == 400


async def test_a_file_that_is_too_large_to_be_held_is_refused(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "MAX_BYTES", 100_000)
    answer, _ = await gallery.get(await hung(gallery, picture("BMP")) + "?width=64")
    assert answer.status == 400


async def test_one_is_made_of_a_copy_too(opened: Opened, tmp_path: Path) -> None:
    async with opened(media_store=str(tmp_path / "store")) as gallery:
        path = await hung(gallery, picture("PNG"))
        await gallery.mirror().round()
        gallery.studio.is_dead = True
        answer, body = await gallery.get(path + "?width=300")
        assert (answer.status, opened_picture(body).size) == (200, (300, 200))
