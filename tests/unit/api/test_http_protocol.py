"""One connection against a clock of the test's own: bodies that drip, and answers to clients that know no chunks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from pronghorn.api.http_limits import HttpLimits
from pronghorn.api.http_protocol import HttpConnection, protocol_class

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LIMITS = HttpLimits(body_idle_timeout_s=30.0, body_bytes_per_s=500.0, sweep_s=1.0)
PIECES = (b"data: one\n\n", b"data: two\n\n")


class Wire(asyncio.Transport):
    """Remembers what is sent."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent = b""
        self.is_closed = self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def write_eof(self) -> None:
        self.is_closed = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return 0


class Stand:
    """A connection, the time that it believes in, and an application."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.go_on = asyncio.Event()
        self.go_on.set()
        kind = protocol_class(LIMITS, lambda: self.now)
        config = uvicorn.Config(
            self.serve, http=kind, interface="asgi3", proxy_headers=False, log_config=None, access_log=False
        )
        config.load()
        self.wire = Wire()
        self.connection: HttpConnection = kind(config, ServerState(), {})
        self.connection.connection_made(self.wire)

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            while (await receive())["more_body"]:
                await self.go_on.wait()
        await self.answer(scope, send)

    async def answer(self, scope: dict[str, Any], send: Send) -> None:
        is_sized = scope["path"] == "/sized"
        length = [(b"content-length", b"%d" % len(b"".join(PIECES)))] if is_sized else []
        await send({"type": "http.response.start", "status": 200, "headers": length})
        if is_sized:
            await send({"type": "http.response.body", "body": PIECES[0], "more_body": True})
            await send({"type": "http.response.body", "body": PIECES[1], "more_body": False})
            return
        for piece in PIECES:
            scope["pronghorn.connection"].write_part(piece)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def sweep(self, after_s: float = 1.0) -> None:
        self.now += after_s
        self.connection.sweeper.sweep()

    async def settle(self) -> None:
        """Let the application do all that it can do without us."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def stand() -> AsyncIterator[Stand]:
    stand = Stand()
    yield stand
    stand.connection.connection_lost(None)
    await stand.settle()


HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
REFUSED = b"HTTP/1.1 408 "


async def drip(stand: Stand, sweeps: int, size: int = 1) -> None:
    """Each time the bytes come in the same turn as the sweep, so that the application has not had them yet."""
    stand.connection.data_received(HEAD)
    await stand.settle()
    for _ in range(sweeps):
        stand.connection.data_received(b"a" * size)
        stand.sweep()
        await stand.settle()


async def test_a_body_that_drips_in_step_with_the_sweeps_is_refused_at_its_limit(stand: Stand) -> None:
    await drip(stand, 30)
    assert stand.wire.sent == b""
    await drip_on(stand, 3)
    assert stand.wire.sent.startswith(REFUSED)


async def drip_on(stand: Stand, sweeps: int) -> None:
    for _ in range(sweeps):
        if not stand.wire.is_closed:
            stand.connection.data_received(b"a")
            stand.sweep()
            await stand.settle()


async def test_a_body_that_comes_fast_enough_in_step_with_the_sweeps_is_taken(stand: Stand) -> None:
    await drip(stand, 200, size=501)
    assert stand.wire.sent == b""


@pytest.mark.parametrize("size", [100, 100_000], ids=["little", "more than is read ahead"])
async def test_a_client_does_not_answer_for_an_application_that_takes_its_time(
    stand: Stand, size: int
) -> None:
    """It reads a little, does something else for minutes, and reads on: nobody was slow but it."""
    stand.connection.data_received(HEAD)
    await stand.settle()
    stand.sweep()
    stand.go_on.clear()
    stand.connection.data_received(b"a" * size)
    assert stand.wire.is_paused == (size > 65_536)
    for _ in range(300):
        await stand.settle()
        stand.sweep()
    stand.go_on.set()
    await stand.settle()
    assert not stand.wire.is_paused
    stand.connection.data_received(b"a" * 100)
    for _ in range(20):
        await stand.settle()
        stand.sweep()
    assert stand.wire.sent == b""


async def test_a_body_that_stops_is_refused_at_its_limit(stand: Stand) -> None:
    stand.connection.data_received(HEAD + b"a" * 1_000)
    await stand.settle()
    for _ in range(30):
        stand.sweep()
    assert stand.wire.sent == b""
    stand.sweep()
    stand.sweep()
    assert stand.wire.sent.startswith(REFUSED)


# Answers by the client's version


@pytest.mark.parametrize("path", [b"/stream", b"/sized"])
async def test_a_stream_to_a_client_of_http_1_0_is_raw_up_to_the_close(stand: Stand, path: bytes) -> None:
    stand.connection.data_received(b"GET %b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" % path)
    await stand.settle()
    head, _, body = stand.wire.sent.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert head.endswith(b"\r\nconnection: close")
    assert (b"content-length: 22" in head) == (path == b"/sized")
    assert body == b"".join(PIECES)
    assert stand.wire.is_closed


async def test_a_stream_to_a_client_of_http_1_1_is_in_chunks_and_the_connection_stays(stand: Stand) -> None:
    stand.connection.data_received(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await stand.settle()
    head, _, body = stand.wire.sent.partition(b"\r\n\r\n")
    assert head.endswith(b"\r\ntransfer-encoding: chunked")
    assert body == b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in PIECES) + b"0\r\n\r\n"
    assert not stand.wire.is_closed


async def test_a_client_of_http_1_0_that_asks_for_the_head_gets_the_head(stand: Stand) -> None:
    stand.connection.data_received(b"HEAD /sized HTTP/1.0\r\n\r\n")
    await stand.settle()
    assert stand.wire.sent.endswith(b"content-length: 22\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PROPFIND", b"PURGE", b"MKCOL"])
async def test_a_method_that_is_served_nowhere_is_a_405_that_lists_the_others(
    stand: Stand, method: bytes
) -> None:
    target = b"x:443" if method == b"CONNECT" else b"/x"
    stand.connection.data_received(b"%b %b HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target))
    await stand.settle()
    assert stand.wire.sent.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in stand.wire.sent
    assert b"HTTP/1.1" not in stand.wire.sent.partition(b"\r\n\r\n")[2]
    assert stand.wire.is_closed
