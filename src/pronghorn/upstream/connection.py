"""One connection to a vendor: writes a request, parses its answer, and knows whether it may be used again.

Nothing here waits: a call reads through futures that the callbacks fulfil, and the client's sweep enforces time.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from pronghorn.errors import PronghornError, UpstreamDropped, UpstreamError, UpstreamTruncated
from pronghorn.kit.outbox import Outbox

READ_BYTES = 64 * 1024
"""Of one read: what comes at once may have to be held for a caller who reads slowly."""
READ_HIGH_WATER = 32 * 1024
WRITE_HIGH_WATER = 256 * 1024
MAX_HEAD_BYTES = 256 * 1024
MAX_HEADERS = 500
MAX_INTERIM = 16
"""How many 1xx answers may come before the real one."""

Headers = list[tuple[bytes, bytes]]


class Connection(asyncio.BufferedProtocol):
    """Idle, or busy with exactly one exchange from `start` until `is_complete` or `error`."""

    __slots__ = (
        "_buffered",
        "_head_bytes",
        "_interim",
        "_is_interim",
        "_limit",
        "_loop",
        "_outbox",
        "_parser",
        "_reads_to_close",
        "_room",
        "_wants_whole",
        "_write_waiter",
        "_writes_paused",
        "body_bytes",
        "chunks",
        "error",
        "first_byte_at",
        "has_head",
        "headers",
        "idle_since",
        "is_busy",
        "is_complete",
        "is_draining",
        "is_paused",
        "keep_alive_s",
        "last_read_at",
        "on_data",
        "on_idle",
        "on_news",
        "release_deadline",
        "started_at",
        "status",
        "transport",
        "uses",
        "waiter",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox, room: memoryview) -> None:
        """`room`: to read into, one for all connections of a loop; the parser copies what it takes out of it."""
        self._loop = loop
        self._room = room
        self._outbox = outbox
        self.transport: asyncio.Transport | None = None
        self.uses = 0
        self.is_busy = False
        self.idle_since = 0.0
        self.keep_alive_s: float | None = None
        self.on_idle: Callable[[Connection], None] | None = None
        self.on_data: Callable[[], bool] | None = None
        """Called for each part of the body in place of waking who waits; False: wake it after all."""
        self.on_news: Callable[[], None] | None = None
        """Called in place of `wait`, at most once: the answer is whole, or there is an error."""
        self._writes_paused = False
        self._write_waiter: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reset(wants_whole=False, limit=0)

    def _reset(self, *, wants_whole: bool, limit: int) -> None:
        self.status = 0
        self.headers: Headers = []
        self.chunks: list[bytes] = []
        self.body_bytes = 0
        self.has_head = self.is_complete = self.is_draining = self.is_paused = False
        self.error: PronghornError | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.first_byte_at = self.release_deadline = 0.0
        self._head_bytes = self._interim = self._buffered = 0
        self._is_interim = self._reads_to_close = False
        self._wants_whole = wants_whole
        self._limit = limit

    # What a call does

    def start(self, request: bytes, *, wants_whole: bool, limit: int) -> None:
        """Write the head, and the body if it is already there, and get ready for the answer."""
        self._reset(wants_whole=wants_whole, limit=limit)
        self.is_busy = True
        self.uses += 1
        self.started_at = self.last_read_at = self._loop.time()
        if self.transport is None or self.transport.is_closing():
            self.fail(UpstreamDropped())
            return
        self._outbox.write(self.transport, request)

    def write(self, data: bytes) -> None:
        self._outbox.flush()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def drained(self) -> None:
        """Wait until the vendor has taken enough of what was written, or has answered and may take no more."""
        if self._writes_paused and self.error is None and not self.has_head:
            self._write_waiter = self._loop.create_future()
            await self._write_waiter

    async def wait(self) -> None:
        """Wait for news: the head (or the whole answer, if that was asked for), more body, the end, an error."""
        self.waiter = self._loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def body(self) -> bytes:
        """What has come and was not taken yet; it stays."""
        return self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)

    def take(self) -> bytes:
        """The body that has come since the last call."""
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._buffered = 0
        if self.is_paused and self.transport is not None:
            self.is_paused = False
            self.last_read_at = self._loop.time()
            self.transport.resume_reading()
        return data

    def take_some(self) -> bytes:
        """Of that so much that nobody who is slow to pass it on holds much."""
        if self._buffered <= READ_HIGH_WATER:
            return self.take()
        data = b"".join(self.chunks)
        self.chunks[:] = [data[READ_HIGH_WATER:]]
        self._buffered = len(data) - READ_HIGH_WATER
        return data[:READ_HIGH_WATER]

    def fail(self, error: PronghornError) -> None:
        """Give the exchange up: whoever waits sees `error`, the socket is closed at once."""
        if self.error is None and not self.is_complete:
            self.error = error
        if self.transport is not None:
            self.transport.abort()
        self._wake()
        self._wake_writer()

    def is_reusable(self) -> bool:
        return (
            self.is_complete
            and not self.is_paused  # the next answer would never be read
            and self.error is None
            and self.keep_alive_s != 0
            and self.transport is not None
            and not self.transport.is_closing()
            # An answer that came before all of the request was sent: a vendor may never read the rest of that.
            and not self.transport.get_write_buffer_size()
        )

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _wake(self) -> None:
        if self.on_news is not None:
            told, self.on_news = self.on_news, None
            told()
        elif self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def _wake_writer(self) -> None:
        if self._write_waiter is not None and not self._write_waiter.done():
            self._write_waiter.set_result(None)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        if not self.is_busy or self.is_complete:
            # Bytes that nobody asked for: the next answer on this connection could not be trusted.
            self.close()
            return
        self.last_read_at = self._loop.time()
        if not self.has_head:
            if not self.first_byte_at:
                self.first_byte_at = self.last_read_at
            self._head_bytes += nbytes
        try:
            self._parser.feed_data(self._room[:nbytes])
        except httptools.HttpParserError:
            self.fail(UpstreamError("the vendor's answer is not valid HTTP"))
            return
        if not self.has_head and self._head_bytes > MAX_HEAD_BYTES:
            self.fail(UpstreamError("the vendor's answer has too large a head"))
            return
        if self.on_data is not None:
            if (self.chunks and not self.on_data()) or self.is_complete:
                # More may be read before whoever waits has its turn: that is to be held here.
                self.on_data = None
                self._wake()
        elif self.is_complete or (self.has_head and not self._wants_whole):
            self._wake()
        if self.is_complete and self.is_draining and self.on_idle is not None:
            self.on_idle(self)

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_busy and not self.is_complete and self.error is None:
            if self.has_head and self._reads_to_close and exc is None:
                self.is_complete = True
            elif self.first_byte_at:
                self.error = UpstreamTruncated(
                    "the vendor closed the connection before the end of its answer"
                )
            else:
                self.error = UpstreamDropped()
        self.keep_alive_s = 0
        self.transport = None
        self._wake()
        self.resume_writing()
        if self.is_draining and self.on_idle is not None:
            self.on_idle(self)

    def pause_writing(self) -> None:
        self._writes_paused = True

    def resume_writing(self) -> None:
        self._writes_paused = False
        self._wake_writer()

    # What the parser calls

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise httptools.HttpParserError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            return  # a trailer, which is no word about the answer
        if len(self.headers) >= MAX_HEADERS:
            raise httptools.HttpParserError("too many headers")
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim += 1
            if status == 101 or self._interim > MAX_INTERIM:
                raise httptools.HttpParserError("unexpected 1xx answer")
            self._is_interim = True
            self.headers = []
            return
        self.status = status
        self.has_head = True
        self._wake_writer()
        length = chunked = False
        for name, value in self.headers:
            if name == b"content-length":
                if length or chunked:
                    raise httptools.HttpParserError("conflicting lengths")
                length = True
            elif name == b"transfer-encoding":
                if length:
                    raise httptools.HttpParserError("conflicting lengths")
                chunked = True
            elif name == b"keep-alive":
                self.keep_alive_s = _keep_alive_seconds(value)
        self._reads_to_close = not (length or chunked or status in (204, 304))

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self._limit and self.body_bytes > self._limit:
            raise httptools.HttpParserError("answer too large")
        if self.is_draining:
            return
        self.chunks.append(body)
        self._buffered += len(body)
        if (
            not self._wants_whole
            and not self.is_paused
            and self._buffered > READ_HIGH_WATER
            and self.transport is not None
        ):
            self.is_paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._is_interim:
            self._is_interim = False
            return
        self.is_complete = True
        if self._reads_to_close or not self._parser.should_keep_alive():
            self.keep_alive_s = 0


def _keep_alive_seconds(value: bytes) -> float | None:
    """The `timeout=N` of a `Keep-Alive` header; None when there is none that can be read."""
    for part in value.split(b","):
        name, _, number = part.strip().partition(b"=")
        if name.lower() == b"timeout" and number.strip().isdigit():
            return float(number)
    return None
