"""The WebSocket client towards vendors: picows, with backpressure both ways and one table from its errors to ours.

Messages are whole texts. What waits to be read is bounded: the vendor's connection is not read beyond it.
"""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import Sequence
from functools import cache
from urllib.parse import quote

import picows
from picows import WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport
from python_socks import ProxyError

from pronghorn.errors import UpstreamDropped, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from pronghorn.upstream.origin import Origin, Proxy

READ_HIGH_WATER = 256 * 1024
PING_S = 20.0
"""A vendor that is silent so long is pinged, and given up if it is silent as long again."""
FLUSH_S = 0.25
"""How long a closed socket may take to send what it still has; then it is cut."""
ABNORMAL, TOO_LARGE, NOT_UTF8 = 1006, 1009, 1007


class Refused(Exception):
    """The vendor answered the handshake with another status than 101."""

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body
        self._headers = headers

    def header(self, name: bytes) -> bytes:
        """The last value of a header by its lower-case name; empty if it is not there."""
        return self._headers.get(name, b"")


class VendorSocket(WSListener):
    """An open socket. `receive` gives None once it is closed; `close_code` and `close_reason` say how."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self._waiting_bytes = self._part_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._is_paused = False
        self._transport: WSTransport | None = None
        self.close_code = 0
        self.close_reason = ""

    async def receive(self) -> str | None:
        while not self._messages:
            if self.close_code:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self._messages.popleft()
        self._waiting_bytes -= len(message)
        if self._is_paused and self._waiting_bytes < READ_HIGH_WATER and self._transport is not None:
            self._is_paused = False
            self._transport.underlying_transport.resume_reading()
        try:
            return message.decode()
        except UnicodeDecodeError:
            self.close(NOT_UTF8)
            return None

    async def send(self, text: str) -> None:
        """Waits while the vendor reads too slowly; what a closed socket gets is lost."""
        if self._transport is not None and not self.close_code:
            self._transport.send(WSMsgType.TEXT, text)
            await self._may_write.wait()

    def close(self, code: int = 1000) -> None:
        """At once: the vendor is told, and its connection ends whether it answers or not. Again: nothing."""
        transport = self._transport
        if transport is None or self.close_code:
            return
        self._end(code, "")
        transport.send_close(code)  # type: ignore[arg-type]  # any number is taken
        transport.disconnect()
        asyncio.get_running_loop().call_later(FLUSH_S, transport.disconnect, False)

    # What picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self.close_code:
            return
        if frame.msg_type == WSMsgType.CLOSE:
            self._take_close(transport, frame.get_payload_as_bytes())
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._take(transport, frame)

    def _take(self, transport: WSTransport, frame: WSFrame) -> None:
        data = frame.get_payload_as_bytes()
        self._part_bytes += len(data)
        if self._part_bytes > self._limit:
            self.close(TOO_LARGE)
            return
        self._parts.append(data)
        if not frame.fin:
            return
        message = data if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._part_bytes = [], 0
        self._messages.append(message)
        self._waiting_bytes += len(message)
        if self._waiting_bytes > READ_HIGH_WATER and not self._is_paused:
            self._is_paused = True
            transport.underlying_transport.pause_reading()
        self._wake()

    def _take_close(self, transport: WSTransport, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
        self._end(code, payload[2:].decode("utf-8", "replace"))
        transport.send_close(1000 if code == 1005 else code)  # type: ignore[arg-type]
        transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end(ABNORMAL, "")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _end(self, code: int, reason: str) -> None:
        if not self.close_code:
            self.close_code, self.close_reason = code, reason
        self._may_write.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(
    origin: Origin, path: str, headers: Sequence[tuple[str, str]], *, limit: int, timeout_s: float
) -> VendorSocket:
    """`limit`: bytes of the largest message. Raises `Refused` or an `UpstreamError`."""
    scheme = "wss" if origin.is_tls else "ws"
    try:
        async with asyncio.timeout(timeout_s + 1.0):  # picows itself ends a handshake that takes too long
            transport, listener = await picows.ws_connect(
                lambda: VendorSocket(limit),
                f"{scheme}://{origin.host_header.decode()}{path}",
                ssl_context=_tls() if origin.is_tls else None,
                websocket_handshake_timeout=timeout_s,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_S,
                auto_ping_reply_timeout=PING_S,
                max_frame_size=limit,
                extra_headers=headers,
                max_redirects=0,
                proxy=_proxy_url(origin.proxy) if origin.proxy is not None else None,
            )
    except WSHandshakeError as error:
        raise _refusal(error) from error
    except TimeoutError as error:
        raise UpstreamTimeout(
            f"the vendor did not open a socket within {timeout_s:g} s; nothing was charged"
        ) from error
    except (OSError, WSError, ProxyError) as error:
        raise UpstreamUnreachable from error
    if not isinstance(listener, VendorSocket):
        raise UpstreamDropped  # closed in the middle of the handshake
    asyncio.ensure_future(transport.wait_disconnected()).add_done_callback(_forget)
    return listener


def _refusal(error: WSHandshakeError) -> Exception:
    answer = error.response
    if answer is None:
        return UpstreamError("the vendor's answer to the handshake is not valid HTTP")
    headers = {name.lower().encode(): value.encode() for name, value in answer.headers.items()}
    return Refused(int(answer.status), headers, error.raw_body or b"")


def _forget(ended: "asyncio.Future[None]") -> None:
    """How a socket ended is known already; an exception that nobody asks for would be logged."""
    if not ended.cancelled():
        ended.exception()


def _proxy_url(proxy: Proxy) -> str:
    pair = base64.b64decode(proxy.authorization.rpartition(b" ")[2]).decode()
    user, _, password = pair.partition(":")
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if pair else ""
    return f"http://{login}{proxy.host}:{proxy.port}"


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
