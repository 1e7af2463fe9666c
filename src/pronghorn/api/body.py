"""Reading request bodies: whole and bounded for JSON, piece by piece for uploads."""

import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

from pronghorn.api.reply import Receive
from pronghorn.errors import BadRequest, CallerGone, TooLarge, Unavailable, UnsupportedMediaType

Take = Callable[[int], None]
"""Counts bytes that have come. Raises `Unavailable` if there is no room for them."""


class Room:
    """Memory for the bodies that are held at once; small ones, which come in one piece, need none of it.

    What is there counts, and not what was announced or how it was packed: who sends slowly keeps nobody out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    @contextlib.contextmanager
    def taken(self, headers: dict[bytes, bytes]) -> Iterator[Take]:
        """Raises `Unavailable` before a byte is read, if there is no room now. One body always has room."""
        own = 0

        def take(size: int) -> None:
            nonlocal own
            self._check(self.held - own, self.held + size)
            own += size
            self.held += size

        self._check(self.held, self.held + int(headers.get(b"content-length", b"0")))
        try:
            yield take
        finally:
            self.held -= own

    def _check(self, others: int, together: int) -> None:
        if others and together > self._limit:
            raise Unavailable(
                "the gateway is holding as many large bodies as it has memory for; try again in a second",
                retry_after_s=1.0,
            )


def uncounted(size: int) -> None:
    """Of bodies that are small for certain."""


def check_length(headers: dict[bytes, bytes], limit: int) -> None:
    """Raises `TooLarge` before a byte of the body is read."""
    length = headers.get(b"content-length")
    if length is not None and int(length) > limit:
        raise _too_large(limit)


async def read(receive: Receive, limit: int, take: Take = uncounted) -> bytes:
    """The whole body. Raises `TooLarge`, `CallerGone` or `Unavailable`."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise CallerGone
    body: bytes = message.get("body", b"")
    take(len(body))
    if message.get("more_body"):
        parts = [body]
        async for part in stream(receive, limit, already=len(body)):
            take(len(part))
            parts.append(part)
        body = b"".join(parts)
    return body


def unpack(body: bytes, headers: dict[bytes, bytes], limit: int, take: Take = uncounted) -> bytes:
    """The body without its compression. Raises `TooLarge`, `BadRequest`, `UnsupportedMediaType` or `Unavailable`."""
    if len(body) > limit:
        raise _too_large(limit)
    encoding = headers.get(b"content-encoding")
    if encoding is None:
        return body
    plain = _unpack(body, encoding.strip().lower(), limit)
    take(len(plain))
    return plain


async def stream(receive: Receive, limit: int, already: int = 0) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `TooLarge` as soon as it is, `CallerGone` if it ends too early."""
    size = already
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
        if part:
            yield part


def _unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise UnsupportedMediaType(
            f"a body with Content-Encoding {encoding.decode('latin-1')[:40]!r} is not understood; "
            "send it as it is, or as gzip"
        )
    unpacker = zlib.decompressobj(wbits=47 if encoding != b"deflate" else 15)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadRequest("the compressed body is damaged") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise BadRequest("the compressed body ends too early")
    if unpacker.unused_data:
        raise BadRequest("the compressed body has something after its end; compress it as one piece")
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than the {limit / 1024 / 1024:g} MiB that this gateway takes; "
        "send large pictures and files by URL, or ask the operator to raise the limit"
    )
