"""Answer: what a vendor said, its head at once and its body as it comes."""

import zlib
from collections.abc import Callable

from pronghorn.errors import UpstreamError, UpstreamTruncated
from pronghorn.kit import sse
from pronghorn.upstream.connection import READ_BYTES, READ_HIGH_WATER, Connection, Headers

BEGINNING_BYTES = 8
MOST_OF_ONE_READ = 4 * 1024 * 1024
"""What one read of a compressed stream may unpack to."""
MOST_MEMBERS = 10_000
"""Of one compressed answer; each costs as much as some kilobytes, and may hold nothing."""
DRAIN_S = 1.0
"""How long the rest of an answer that nobody needs may take before its connection is closed instead."""


class Answer:
    """Read it with `chunk` until that gives nothing, or with `whole`. Always `release` it in the end."""

    __slots__ = (
        "_by_name",
        "_connection",
        "_is_released",
        "_is_whole",
        "_limit",
        "_release",
        "_unpacker",
        "headers",
        "status",
    )

    def __init__(
        self, connection: Connection, release: Callable[[Connection], None], *, limit: int, is_whole: bool
    ) -> None:
        """`limit`: of what `whole` gives. `is_whole`: all of it has come already."""
        self._connection = connection
        self._release = release
        self._limit = limit
        self._is_whole = is_whole
        self._is_released = False
        self.status = connection.status
        self.headers: Headers = connection.headers
        self._by_name = dict(self.headers)
        self._unpacker = _unpacker(self.header(b"content-encoding"))

    def header(self, name: bytes) -> bytes:
        """The last value of a header by its lower-case name; empty if it is not there."""
        return self._by_name.get(name, b"")

    async def chunk(self) -> bytes:
        """The bytes that have come, waiting for some; empty at the end. Raises an `UpstreamError`."""
        connection = self._connection
        while True:
            while not connection.chunks:
                if connection.error is not None:
                    raise connection.error
                if connection.is_complete:
                    if self._unpacker is not None and self._unpacker.is_inside_member:
                        raise UpstreamTruncated("the vendor's compressed answer ends too early")
                    return b""
                await connection.wait()
            if self._unpacker is None:
                is_little = len(connection.chunks) == 1 and len(connection.chunks[0]) <= READ_HIGH_WATER
                return connection.take() if is_little else connection.take_some()
            most = self._limit if self._is_whole else MOST_OF_ONE_READ
            if data := self._unpacker.feed(connection.take(), most):
                return data

    async def beginning(self) -> bytes:
        """The first bytes that say something, a few at least if there are as many; all is still to be read."""
        connection = self._connection
        while self._unpacker is None:
            found = connection.body().removeprefix(sse.BOM).lstrip()
            is_last = connection.is_complete or connection.is_paused or connection.error is not None
            if len(found) >= BEGINNING_BYTES or is_last:
                return found
            await connection.wait()
        return b""

    async def each(self, take: Callable[[bytes], bool]) -> None:
        """Give `take` what comes the moment it comes, which costs no task its turn, until it gives False. Returns at
        once, or earlier, where there is something for `chunk` to say.
        """
        connection = self._connection
        if self._unpacker is not None or connection.chunks or connection.is_complete or connection.error:
            return
        connection.on_data = lambda: take(connection.take())
        try:
            await connection.wait()
        finally:
            connection.on_data = None

    @property
    def is_whole(self) -> bool:
        """All of it has come, and needs no unpacking: `take_whole` gives it without a pause."""
        return self._connection.is_complete and self._unpacker is None

    def take_whole(self) -> bytes:
        return self._connection.take()

    async def whole(self) -> bytes:
        """The body up to its end. Raises an `UpstreamError`, also when it is larger than the limit."""
        parts, size = [], 0
        while data := await self.chunk():
            parts.append(data)
            size += len(data)
            if size > self._limit:
                raise UpstreamError("the vendor's answer is too large")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def last_read_s(self) -> float:
        """When the vendor last sent something, by the loop's clock."""
        return self._connection.last_read_at

    def fail(self, error: UpstreamError) -> None:
        """Give it up: whoever waits for more sees `error`. Once it was released this does nothing."""
        if not self._is_released:
            self._connection.fail(error)

    def release(self) -> None:
        """Give the connection back if the answer is whole, close it otherwise. A second call does nothing."""
        if not self._is_released:
            self._is_released = True
            self._release(self._connection)

    def finish_soon(self) -> None:
        """Nothing more is wanted: let the end of the answer come, then the connection may serve again."""
        connection = self._connection
        if self._is_released or connection.is_complete or connection.error is not None:
            self.release()
            return
        self._is_released = True
        connection.is_draining = True
        connection.chunks.clear()
        connection.on_idle = self._release
        connection.release_deadline = connection.last_read_at + DRAIN_S


class _Unpacker:
    """Gzip of any number of members; deflate as it should be, and without its head as some send it."""

    def __init__(self, *, is_gzip: bool, is_known: bool = True) -> None:
        """`is_known`: False for another compression, of which nothing can be read."""
        self._is_gzip = is_gzip
        self._is_known = is_known
        self._member: zlib._Decompress | None = None
        self._members = 0

    def feed(self, data: bytes, most: int) -> bytes:
        """What `data` unpacks to. Raises `UpstreamError`, also if that is more than `most`."""
        if not self._is_known:
            raise UpstreamError("the vendor's answer is compressed in a way that was not asked for")
        parts = []
        # Cut small, since each member copies what follows it.
        for start in range(0, len(data), READ_BYTES):
            rest = data[start : start + READ_BYTES]
            while rest and (member := self._member_of(rest)) is not None:
                try:
                    plain = member.decompress(rest, most + 1)
                except zlib.error as error:
                    raise UpstreamError("the vendor's compressed answer is damaged") from error
                most -= len(plain)
                if most < 0 or member.unconsumed_tail:
                    raise UpstreamError("the vendor's answer is too large once unpacked")
                parts.append(plain)
                rest = member.unused_data
        return b"".join(parts)

    @property
    def is_inside_member(self) -> bool:
        """More has to come."""
        return self._member is not None and not self._member.eof

    def _member_of(self, data: bytes) -> "zlib._Decompress | None":
        """The one that goes on or begins with `data`; None for padding after the last."""
        if self.is_inside_member:
            return self._member
        if self._members and not (self._is_gzip and data.startswith(b"\x1f")):
            return None
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise UpstreamError("the vendor's compressed answer has too many members")
        is_raw = not self._is_gzip and data[0] & 0x0F != zlib.DEFLATED
        self._member = zlib.decompressobj(-15 if is_raw else 47)
        return self._member


def _unpacker(encoding: bytes) -> _Unpacker | None:
    """We ask for no compression; a vendor that compresses all the same is understood for gzip and deflate."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return None
    return _Unpacker(is_gzip=name != b"deflate", is_known=name in (b"gzip", b"x-gzip", b"deflate"))
