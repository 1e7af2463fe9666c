"""GET /files/songs/...: songs as mp3, wav and mp4, and their covers, made when somebody asks, in a thread.

One is made at a time, and stays until newer ones need the room. A song can be had as soon as its clip streams.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from pronghorn.kit.later import Later
from pronghorn.sandbox import files, picture
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.files import SHELF, File
from pronghorn.sandbox.reply import reply_bytes
from pronghorn.sandbox.song.takes import Read
from pronghorn.sandbox.song.tasks import DESK, Clip

if TYPE_CHECKING:
    from pronghorn.sandbox import soundfile
    from pronghorn.sandbox.song import film
else:
    film = Later("pronghorn.sandbox.song.film")
    soundfile = Later("pronghorn.sandbox.soundfile")

MAX_BYTES = 96 * 1024 * 1024
PREFIX = files.PREFIX + "songs/"
STREAM = PREFIX + "stream"
COVERS = {"image": (360, 360), "image_large": (720, 720)}

Make = Callable[[Clip, Read], File]


class Studio:
    """Where files are made, one after the other; the longest unasked go when there is too much of them."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0
        self._is_busy = asyncio.Lock()

    async def file(self, name: str, make: Callable[[], File]) -> File:
        async with self._is_busy:
            if name not in self._made:
                self._put(name, await asyncio.to_thread(make))
            self._made.move_to_end(name)
            return self._made[name]

    def _put(self, name: str, made: File) -> None:
        self._made[name] = made
        self._bytes += len(made.data)
        while self._bytes > MAX_BYTES and len(self._made) > 1:
            self._bytes -= len(self._made.popitem(last=False)[1].data)


STUDIO = web.AppKey("song_studio", Studio)


def reader(request: web.Request) -> Read:
    """Gives uploads by their id. It raises `SandboxError`."""
    shelf = request.app[SHELF]

    def read(file_id: str) -> bytes:
        found = shelf.get(file_id)
        if found is None:
            raise SandboxError("The uploaded file had to make room for newer ones.", status=404)
        return found.data

    return read


def address(request: web.Request, clip: Clip, kind: str) -> str:
    """`kind` is mp3, wav, mp4, image, image_large or stream."""
    origin = request.url.origin()
    if kind == "stream":
        return f"{origin}{STREAM}?item_id={clip.id}"
    name = f"{kind}_{clip.id}.jpeg" if kind in COVERS else f"{clip.id}.{kind}"
    return f"{origin}{PREFIX}{name}"


async def stream(request: web.Request) -> web.StreamResponse:
    return await _send(request, request.query.get("item_id", ""), "mp3")


async def download(request: web.Request) -> web.StreamResponse:
    stem, _, kind = request.match_info["name"].rpartition(".")
    if kind == "jpeg":
        kind, _, stem = stem.rpartition("_")
    return await _send(request, stem, kind)


async def _send(request: web.Request, clip_id: str, kind: str) -> web.StreamResponse:
    desk = request.app[DESK]
    place = desk.place(clip_id)
    is_known = place is not None and kind in _MAKERS
    if not is_known or place is None or place.stage(desk.now_s) not in ("streaming", "complete"):
        raise SandboxError("There is no such file, or it is not ready.", status=404)
    clip, read = place.clip, reader(request)
    made = await request.app[STUDIO].file(f"{kind} {clip_id}", lambda: _MAKERS[kind](clip, read))
    return await reply_bytes(request, made.data, made.content_type)


def _mp3(clip: Clip, read: Read) -> File:
    return File(soundfile.encode(clip.take.sound(read), "mp3"), "audio/mpeg")


def _wav(clip: Clip, read: Read) -> File:
    return File(soundfile.encode(clip.take.sound(read), "wav"), "audio/wav")


def _mp4(clip: Clip, read: Read) -> File:
    still = picture.draw(_on_cover(clip), COVERS["image_large"])
    return File(film.encode(clip.take.sound(read), still), "video/mp4")


def _cover(kind: str) -> Make:
    def make(clip: Clip, read: Read) -> File:
        drawn = picture.draw(_on_cover(clip), COVERS[kind])
        return File(picture.encode(drawn, picture.Format("jpeg", 85)), "image/jpeg")

    return make


def _on_cover(clip: Clip) -> str:
    return f"{clip.title} {clip.tags}"[:200]


_MAKERS: dict[str, Make] = {"mp3": _mp3, "wav": _wav, "mp4": _mp4, **{kind: _cover(kind) for kind in COVERS}}

routes = [web.get(STREAM, stream), web.get(PREFIX + "{name}", download)]
