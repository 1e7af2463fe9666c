"""Fetching pictures and documents that a caller gave by address, for vendors that only take them whole.

The address is the caller's, so it is not trusted: it never reaches a private network, however it is written and
whatever its name resolves to at whatever moment, and neither size nor time is open-ended.
"""

import asyncio
import base64
import mimetypes
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.resolver import ThreadedResolver

from pronghorn.convert.turn import Media
from pronghorn.errors import BadRequest
from pronghorn.kit.guard import guard
from pronghorn.settings import Settings

MAX_BYTES = 32 * 1024 * 1024
MAX_TOGETHER = 4 * MAX_BYTES
"""Of one request, whose body is small however much it names."""
TIMEOUT_S = 30.0
MAX_REDIRECTS = 3
MAX_AT_ONCE = 4


class Fetcher:
    """One for the process; a session lives as long as the fetches of one request."""

    def __init__(self, settings: Settings) -> None:
        self._socket_to = guard(settings.fetch_allow)

    async def fill(self, found: Sequence[Media]) -> None:
        """Puts `data` and `mime` in the place of `url`. Raises `BadRequest` that names the part."""
        gate, room = asyncio.Semaphore(MAX_AT_ONCE), _Room(MAX_TOGETHER)
        connector = aiohttp.TCPConnector(
            socket_factory=self._socket_to, resolver=ThreadedResolver(), use_dns_cache=False
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            await asyncio.gather(*(self._fill_one(session, gate, room, media) for media in found))

    async def _fill_one(
        self, session: aiohttp.ClientSession, gate: asyncio.Semaphore, room: "_Room", media: Media
    ) -> None:
        async with gate:
            try:
                data, mime = await self._get(session, room, media.url)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                raise _refused(media, "could not be fetched") from error
        media.data = base64.b64encode(data).decode()
        media.mime = mime or mimetypes.guess_type(urlsplit(media.url).path)[0] or media.mime
        if not media.mime:
            raise _refused(media, "does not say what it is (no Content-Type)")
        media.url = ""

    async def _get(self, session: aiohttp.ClientSession, room: "_Room", url: str) -> tuple[bytes, str]:
        """Redirects are followed by hand: none leads to what is no web address."""
        for _ in range(MAX_REDIRECTS + 1):
            if urlsplit(url).scheme not in ("http", "https"):
                raise ValueError("not an http address")
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    url = urljoin(url, answer.headers.get("location", ""))
                    continue
                answer.raise_for_status()
                data = bytearray()
                while more := await answer.content.read(MAX_BYTES + 1 - len(data)):
                    data += more
                    room.take(len(more))
                    if len(data) > MAX_BYTES:
                        raise ValueError("too large")
                return bytes(data), answer.content_type if "content-type" in answer.headers else ""
        raise ValueError("too many redirects")


class _Room:
    """For what one request names."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError("too large together")


def _refused(media: Media, why: str) -> BadRequest:
    return BadRequest(
        f"`{media.at}`: the {media.kind} at its address {why}; send it as base64, "
        "or by a public http(s) address of at most 32 MiB, and 128 MiB in all",
        param=media.at.removeprefix("$."),
        code="invalid_image_url" if media.kind == "image" else None,
    )
