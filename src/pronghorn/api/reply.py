"""Reply: the caller's end of one HTTP request, over ASGI or, where the server offers it, in a single write."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from pronghorn.relay.incoming import Headers, Straight

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"x-request-id, request-id, retry-after, x-should-retry, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
        b"x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
        b"x-ratelimit-reset-tokens, x-pronghorn-cost, x-pronghorn-adjusted, x-pronghorn-dropped, x-pronghorn-model, "
        b"x-pronghorn-end-reason, x-pronghorn-idempotent-replay, anthropic-ratelimit-requests-limit, "
        b"anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset, "
        b"anthropic-ratelimit-tokens-limit, anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset",
    ),
]
_BREAKS = re.compile(rb"[\r\n\0]")
_CORS_LINES = b"".join(b"%b: %b\r\n" % pair for pair in CORS)


class Flow(Protocol):
    write_paused: bool

    async def drain(self) -> None:
        """Wait until the client has taken enough."""


class Connection(Protocol):
    """What a server offers beyond ASGI, as `scope["pronghorn.connection"]`: see `api.http_protocol`."""

    flow: Flow
    on_disconnect: Callable[[], None] | None

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """A whole answer in one write."""

    def write_part(self, data: bytes) -> None:
        """A part of a response that was begun without a length."""

    def break_off(self) -> None:
        """End the response so that it is seen to be cut."""


class Reply:
    """A `Sink`. Adds the request id and the CORS headers to whatever is sent."""

    __slots__ = ("_connection", "_send", "is_started", "request_id")

    def __init__(self, connection: Connection | None, send: Send, request_id: str) -> None:
        self._connection = connection
        self._send = send
        self.request_id = request_id
        self.is_started = False

    @property
    def straight(self) -> Straight | None:
        return self._connection

    def on_disconnect(self, callback: Callable[[], None] | None) -> None:
        if self._connection is not None:
            self._connection.on_disconnect = callback

    def at_once(self, status: int, lines: bytes, body: bytes) -> None:
        """`whole` without a pause, where the server offers it. `lines`: headers, each with its CRLF."""
        assert self._connection is not None
        self.is_started = True
        length = b"" if status == 204 else b"content-length: %d\r\n" % len(body)
        head = b"%b%bx-request-id: %b\r\n%b" % (lines, length, self.request_id.encode(), _CORS_LINES)
        self._connection.respond(status, head, body)

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        if self._connection is not None:
            self.at_once(status, b"".join([b"%b: %b\r\n" % pair for pair in _checked(headers)]), body)
            return
        self.is_started = True
        sized = [(b"content-length", b"%d" % len(body))] if status != 204 else []
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*_checked(headers), *sized, *self._common()],
            }
        )
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def start(self, status: int, headers: Headers) -> None:
        self.is_started = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*_checked(headers), *self._common()],
            }
        )

    async def write(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            return
        connection.write_part(data)
        if connection.flow.write_paused:
            await connection.flow.drain()

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def break_off(self) -> None:
        """Without a connection to close, a server that finds the answer unfinished closes it by itself."""
        if self._connection is not None:
            self._connection.break_off()

    def counted(self) -> "Reply":
        """For the parts of an answer that was begun with its length: the server counts them."""
        return Reply(None, self._send, self.request_id)

    def _common(self) -> Headers:
        return [(b"x-request-id", self.request_id.encode()), *CORS]


def _checked(headers: Headers) -> Headers:
    """Raises `ValueError` for a header that would be read as several, or as the end of the head."""
    if _BREAKS.search(b"".join([value for _, value in headers])) is not None:
        raise ValueError("the value of a header breaks its line")
    return headers
