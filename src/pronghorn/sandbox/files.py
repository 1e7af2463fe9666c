"""GET /files/{id}: what the sandbox made and gave out by address, kept in memory until newer things need the room.

An address is open to who knows it, as vendors' links are, and is the only one that the sandbox itself can read.
"""

from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.reply import reply_bytes

MAX_BYTES = 128 * 1024 * 1024
MAX_FILES = 1_000
PREFIX = "/files/"


@dataclass(frozen=True, slots=True)
class File:
    """Bytes with their type."""

    data: bytes
    content_type: str


class Shelf:
    """Files by id; the oldest go first when there are too many."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0

    def put(self, data: bytes, content_type: str) -> str:
        """Keep it; gives the id."""
        extension = content_type.partition("/")[2]
        file_id = f"{random_base62(22)}.{extension}"
        self._files[file_id] = File(data, content_type)
        self._bytes += len(data)
        while len(self._files) > MAX_FILES or (self._bytes > MAX_BYTES and len(self._files) > 1):
            self._bytes -= len(self._files.popitem(last=False)[1].data)
        return file_id

    def get(self, file_id: str) -> File | None:
        return self._files.get(file_id)


SHELF = web.AppKey("shelf", Shelf)


def publish(request: web.Request, data: bytes, content_type: str) -> str:
    """Keep it; gives its address on the host that was asked."""
    return f"{request.url.origin()}{PREFIX}{request.app[SHELF].put(data, content_type)}"


def own_file(request: web.Request, url: str) -> bytes | None:
    """The bytes behind an address that this sandbox gave out; None for any other address."""
    parts = urlsplit(url)
    if parts.netloc != request.host or not parts.path.startswith(PREFIX):
        return None
    found = request.app[SHELF].get(parts.path.removeprefix(PREFIX))
    return found.data if found is not None else None


async def download(request: web.Request) -> web.StreamResponse:
    found = request.app[SHELF].get(request.match_info["id"])
    if found is None:
        raise SandboxError("There is no such file, or it had to make room.", status=404)
    return await reply_bytes(request, found.data, found.content_type)


routes = [web.get(PREFIX + "{id}", download)]
