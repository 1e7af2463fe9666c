"""The client: pools of connections by origin, one timer for all deadlines, and who may be asked twice.

A request is sent again only if a pooled connection turned out to be dead before any byte of an answer came,
and only once, on a fresh connection: that is the ordinary race of keep-alive, and nothing was answered.
"""

import asyncio
import errno
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple, cast

import msgspec

from pronghorn.errors import (
    CallerGone,
    PronghornError,
    Unavailable,
    UpstreamDropped,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pronghorn.kit.outbox import Outbox
from pronghorn.upstream.answer import Answer
from pronghorn.upstream.connection import READ_BYTES, Connection
from pronghorn.upstream.origin import Origin
from pronghorn.upstream.tunnel import open_tunnel

_OUR_OWN_LIMITS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
"""Errors of connecting that say nothing about the vendor."""
SWEEP_S = 0.25
LATE_S = 0.25
"""A sweep that comes so much too late says that the whole process stood still."""
POOLED_IDLE_S = 20.0
"""Shorter than the keep-alive of common servers; a vendor that announces less is believed."""
MAX_CONNECTIONS = 8_192
"""To one origin at the same time."""


class Deadlines(NamedTuple):
    """Seconds."""

    connect: float
    first_byte: float
    idle: float
    total: float


class Call(msgspec.Struct, gc=False):
    """One request, ready to be written. `head` is what `request_head` gave and more header lines with their CRLF."""

    origin: Origin
    head: bytes
    body: bytes = b""
    upload: AsyncIterator[bytes] | None = None
    """A body that is still coming; `upload_length` is its length, None if unknown."""
    upload_length: int | None = None
    is_repeatable: bool = True
    """False where a repetition could be paid for twice: sent once, on a connection that cannot be stale."""


class Handle:
    """Lets somebody else than the caller give a call up, such as the client that hung up."""

    __slots__ = ("_cancelled", "_connection", "_task", "_use", "begun")

    def __init__(self, begun: Connection | None = None) -> None:
        self.begun = begun
        """A call that was sent already: `Client.send` takes it up."""
        self._connection = begun
        self._use = 0 if begun is None else begun.uses
        """Of the connection: given back it may serve others, who have nothing to do with this."""
        self._task: asyncio.Task[object] | None = None
        self._cancelled: PronghornError | None = None

    def caller_gone(self) -> None:
        self.cancel(CallerGone())

    def attach(self, connection: Connection) -> None:
        self._connection, self._use = connection, connection.uses
        if self._cancelled is not None:
            connection.fail(self._cancelled)

    def cancel(self, error: PronghornError) -> None:
        """Close the vendor's socket at once; whoever reads the answer sees `error`."""
        self._cancelled = error
        connection = self._connection
        if self._task is not None:
            self._task.cancel()
        elif connection is not None and connection.is_busy and connection.uses == self._use:
            connection.fail(error)

    def raise_if_cancelled(self) -> None:
        if self._cancelled is not None:
            raise self._cancelled


class Client:
    """Use one for the whole process; `close` it in the end."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(self._loop)
        self._room = memoryview(bytearray(READ_BYTES))
        self._tls = tls or ssl.create_default_context()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._counts: dict[Origin, int] = {}
        self._origins: dict[Connection, Origin] = {}
        self._deadlines: dict[Connection, Deadlines] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._is_late = False
        self._is_closed = False

    async def send(
        self, call: Call, deadlines: Deadlines, *, whole: bool, limit: int, handle: Handle | None = None
    ) -> Answer:
        """The answer's head, or all of it when `whole`. Raises an `UpstreamError`; never one of a library."""
        request = _request(call)
        connection: Connection | None = None
        if handle is not None and handle.begun is not None:
            connection, handle.begun = handle.begun, None
        elif call.is_repeatable and (connection := self._pooled(call.origin)) is not None:
            self._start(connection, request, deadlines, whole=whole, limit=limit)
        if connection is not None:
            answer = await self._answer(connection, call, whole, limit, handle)
            if answer is not None:
                return answer
        if handle is not None:
            handle.raise_if_cancelled()
        connection = await self._connect(call.origin, deadlines.connect, handle)
        self._start(connection, request, deadlines, whole=whole, limit=limit)
        answer = await self._answer(connection, call, whole, limit, handle)
        if answer is None:
            raise UpstreamDropped()
        return answer

    def begin(self, call: Call, deadlines: Deadlines, limit: int) -> Connection | None:
        """Send at once, if a pooled connection is there. Whoever begins sets `on_news` of the connection, and then
        either reads the whole answer and calls `release`, or gives the connection to `send` in a handle.
        """
        connection = self._pooled(call.origin) if call.is_repeatable else None
        if connection is not None:
            self._start(connection, _request(call), deadlines, whole=True, limit=limit)
        return connection

    def _start(
        self, connection: Connection, request: bytes, deadlines: Deadlines, *, whole: bool, limit: int
    ) -> None:
        connection.start(request, wants_whole=whole, limit=limit if whole else 0)
        self._deadlines[connection] = deadlines
        if self._timer is None:
            self._sweep_later()

    async def _answer(
        self, connection: Connection, call: Call, whole: bool, limit: int, handle: Handle | None
    ) -> Answer | None:
        """None: the connection was dead and nothing was answered, so the request may be sent again."""
        is_reused = connection.uses > 1
        if handle is not None:
            handle.attach(connection)
        try:
            if call.upload is not None and connection.error is None:
                await _upload(connection, call.upload, is_chunked=call.upload_length is None)
            while connection.error is None and not (
                connection.is_complete or (connection.has_head and not whole)
            ):
                await connection.wait()
            # What an error's status says counts, though its body was cut; who reads that is told.
            if connection.error is not None and connection.status < 300:
                raise connection.error
            return Answer(connection, self.release, limit=limit, is_whole=whole)
        except BaseException as error:
            was_silent = not connection.first_byte_at
            self.release(connection)
            if (
                is_reused
                and was_silent
                and call.upload is None
                and type(error) is UpstreamDropped
                and error is connection.error
            ):
                return None
            raise

    # The pool

    def _pooled(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.transport is not None and not connection.transport.is_closing():
                return connection
            self._forget(connection)
        return None

    async def _connect(self, origin: Origin, timeout_s: float, handle: Handle | None) -> Connection:
        if self._counts.get(origin, 0) >= MAX_CONNECTIONS:
            raise UpstreamUnreachable("all connections to this vendor are in use")
        self._counts[origin] = self._counts.get(origin, 0) + 1
        connection = Connection(self._loop, self._outbox, self._room)
        if handle is not None:
            handle._task = cast("asyncio.Task[object]", asyncio.current_task())
        try:
            async with asyncio.timeout(timeout_s):
                await self._open(origin, connection)
        except BaseException as error:
            connection.close()
            self._counts[origin] -= 1
            if handle is not None and isinstance(error, asyncio.CancelledError):
                handle.raise_if_cancelled()
            if isinstance(error, TimeoutError):
                raise UpstreamUnreachable("the vendor could not be reached in time") from error
            if isinstance(error, ssl.SSLError | ssl.CertificateError):
                raise UpstreamUnreachable(
                    "no secure connection to the vendor: check its certificate"
                ) from error
            if isinstance(error, OSError) and error.errno in _OUR_OWN_LIMITS:
                raise Unavailable(
                    "the gateway has no file or port left; nothing was sent, try again in a second",
                    retry_after_s=1.0,
                ) from error
            if isinstance(error, OSError | UnicodeError):
                raise UpstreamUnreachable("the vendor could not be reached") from error
            raise
        finally:
            if handle is not None:
                handle._task = None
        self._origins[connection] = origin
        return connection

    async def _open(self, origin: Origin, connection: Connection) -> None:
        tls = self._tls if origin.is_tls else None
        if origin.proxy is not None and origin.is_tls:
            await open_tunnel(self._loop, origin, connection, self._tls)
            return
        host, port = (origin.proxy.host, origin.proxy.port) if origin.proxy else (origin.host, origin.port)
        await self._loop.create_connection(
            lambda: connection, host, port, ssl=tls, server_hostname=origin.host if tls else None
        )

    def release(self, connection: Connection) -> None:
        """Back into the pool if it is fit for another exchange, closed otherwise. A second call does nothing."""
        if self._deadlines.pop(connection, None) is None:
            return
        connection.on_idle = None
        if connection.is_reusable() and not self._is_closed:
            connection.is_busy = False
            connection.idle_since = self._loop.time()
            origin = self._origins[connection]
            idle = self._idle.get(origin)
            if idle is None:
                idle = self._idle[origin] = deque()
            idle.append(connection)
        else:
            connection.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        origin = self._origins.pop(connection, None)
        if origin is not None:
            self._counts[origin] -= 1

    # Time

    def _sweep(self) -> None:
        now = self._loop.time()
        # Where we stood still ourselves, what came meanwhile has not been read yet: look again in a moment.
        self._is_late = now > self._due + LATE_S and not self._is_late
        for connection, deadlines in list(self._deadlines.items()):
            error = None if self._is_late else _overdue(connection, deadlines, now)
            if error is not None:
                connection.fail(error)
                if connection.is_draining:
                    self.release(connection)
        for origin, idle in list(self._idle.items()):
            while idle and _is_stale(idle[0], now):
                connection = idle.popleft()
                connection.close()
                self._forget(connection)
            if not idle:
                del self._idle[origin]
        self._timer = None
        if self._deadlines or self._idle:
            self._sweep_later()

    def _sweep_later(self) -> None:
        self._due = self._loop.time() + SWEEP_S
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def open_connections(self) -> int:
        return len(self._origins)

    async def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._origins):
            connection.close()
        await asyncio.sleep(0)  # one turn of the loop, in which the sockets close


def request_head(origin: Origin, path: bytes, method: bytes = b"POST") -> bytes:
    """The request line and the lines that every request to `origin` has; made once, used for all of them."""
    target, authorization = path, b""
    if origin.proxy is not None and not origin.is_tls:
        target = b"http://" + origin.host_header + path
        authorization = origin.proxy.authorization
    return b"%b %b HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n%b" % (
        method,
        target,
        origin.host_header,
        authorization,
    )


def _request(call: Call) -> bytes:
    if call.upload is None:
        return b"%bcontent-length: %d\r\n\r\n%b" % (call.head, len(call.body), call.body)
    if call.upload_length is None:
        return call.head + b"transfer-encoding: chunked\r\n\r\n"
    return b"%bcontent-length: %d\r\n\r\n" % (call.head, call.upload_length)


async def _upload(connection: Connection, upload: AsyncIterator[bytes], *, is_chunked: bool) -> None:
    """Send the body as it comes, at the vendor's pace; stop when the vendor has already answered."""
    async for data in upload:
        if connection.error is not None or connection.has_head:
            # An early answer is an answer; what was not sent makes the connection unfit for another.
            connection.keep_alive_s = 0
            return
        if data:
            connection.write(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)
            connection.last_read_at = asyncio.get_running_loop().time()
            await connection.drained()
    if is_chunked:
        connection.write(b"0\r\n\r\n")


def _overdue(connection: Connection, deadlines: Deadlines, now: float) -> UpstreamError | None:
    if connection.is_draining:
        return UpstreamTimeout() if now > connection.release_deadline else None
    if now - connection.started_at > deadlines.total:
        return UpstreamTimeout(f"the vendor took longer than {deadlines.total:g} s for the whole answer")
    if connection.is_paused or connection.is_complete:
        return None
    if not connection.first_byte_at:
        if now - max(connection.started_at, connection.last_read_at) > deadlines.first_byte:
            return UpstreamTimeout(f"the vendor did not begin to answer within {deadlines.first_byte:g} s")
    elif now - connection.last_read_at > deadlines.idle:
        return UpstreamTimeout(f"the vendor was silent for {deadlines.idle:g} s inside its answer")
    return None


def _is_stale(connection: Connection, now: float) -> bool:
    announced = connection.keep_alive_s
    allowed = POOLED_IDLE_S if announced is None else min(POOLED_IDLE_S, max(announced - 1.0, 0.0))
    return connection.transport is None or now - connection.idle_since > allowed
