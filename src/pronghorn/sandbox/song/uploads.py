"""Recordings from elsewhere: fetched from their address, listened to, and kept as clips like any other."""

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from pronghorn.kit.later import Later
from pronghorn.kit.network import may_reach
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.files import publish
from pronghorn.sandbox.song import words
from pronghorn.sandbox.song.fields import refusal
from pronghorn.sandbox.song.score import style_of
from pronghorn.sandbox.song.takes import Recorded
from pronghorn.sandbox.song.tasks import DESK, Clip, Place, Task

if TYPE_CHECKING:
    from pronghorn.sandbox import soundfile
    from pronghorn.sandbox.song import ear
else:
    soundfile = Later("pronghorn.sandbox.soundfile")
    ear = Later("pronghorn.sandbox.song.ear")

MAX_BYTES = 32 * 1024 * 1024
MAX_SECONDS = 8 * 60.0
TIMEOUT_S = 60.0
OURS = ("/files/", "/media/")
"""Where the sandbox and the gateway have what callers may use again."""


async def take_in(request: web.Request, url: str, vendor: str, model: str = "") -> Place:
    """A clip of what is at `url`, ready at once. Raises `SandboxError` if it is no recording, or too long a one."""
    data, content_type = await _download(url)
    try:
        length_s = await asyncio.to_thread(ear.length_s, data)
    except (soundfile.NotSound, soundfile.TooLong) as error:
        raise refusal(f"the file at the url is no sound that can be used: {error}", param="url") from error
    if length_s > MAX_SECONDS:
        raise refusal(f"the file is {length_s:g} seconds long, at most {MAX_SECONDS:g}", param="url")
    address = publish(request, data, content_type)
    name = url.rpartition("/")[2].partition("?")[0]
    take = Recorded(address.rpartition("/")[2], length_s, style_of(name))
    shown = {"type": "upload", "file_url": address}
    task = Task(vendor, "UPLOADS", [Clip(take, words.title(name.rpartition(".")[0]), "", "", model, shown)])
    return Place(request.app[DESK].begin(request, task, 0.0), 0)


async def _download(url: str) -> tuple[bytes, str]:
    """Of a public address, or of what the sandbox and the gateway serve: a test key opens nobody's house."""
    if not url.startswith(("http://", "https://")):
        raise refusal("url must be an http or https address", param="url")
    connector = aiohttp.TCPConnector(socket_factory=partial(_socket_to, urlsplit(url).path), force_close=True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise refusal(f"the url answered with status {response.status}", param="url")
            data = await response.content.read(MAX_BYTES + 1)
            while len(data) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES + 1 - len(data))):
                data += more
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise refusal(f"the url could not be read: {type(error).__name__}", param="url") from error
    if len(data) > MAX_BYTES:
        raise SandboxError(f"the file has more than {MAX_BYTES} bytes", status=413, code="invalid_request")
    kind = response.content_type
    return data, kind if kind.startswith("audio/") else "audio/mpeg"


def _socket_to(path: str, address: tuple[Any, ...]) -> socket.socket:
    """Looks at each address at the moment in which it would be connected, however it was found."""
    family, kind, protocol, _, place = address
    is_here = str(place[0]) in ("127.0.0.1", "::1") and path.startswith(OURS)
    if not (is_here or may_reach(str(place[0]), ())):
        raise OSError("a private address")
    return socket.socket(family, kind, protocol)
