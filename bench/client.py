"""One keep-alive connection of the load: sends the same request again and again and checks every answer whole.

A wrong status, a wrong length, a missing chunk, usage or `[DONE]` goes to `Owner.failed`: it is never counted.
"""

import asyncio
import time
from typing import Protocol, cast

import httptools

from bench import chat


class Owner(Protocol):
    """Who decides what a connection does next."""

    def finished(self, connection: "Connection") -> None:
        """A whole and right answer came; the connection is free."""

    def failed(self, connection: "Connection", reason: str) -> None:
        """The answer was wrong or broke off; the connection is closed."""

    def chunks(self, stamps_ns: list[bytes], arrived_ns: int) -> None:
        """Chunks came in; each was sent at its stamp."""

    def chunks_unstamped(self, count: int) -> None:
        """Chunks whose stamp was cut in two by a read; counted when the stream was whole."""


class Connection(asyncio.Protocol):
    """Expects answers of exactly `length` bytes."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner, request: bytes, length: int) -> None:
        self.owner = owner
        self.request = request
        self.length = length
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.busy = False
        self.intended = 0.0
        self.counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class derives from nothing

    def send(self) -> None:
        self.busy = True
        self.transport.write(self.request)

    def close(self) -> None:
        self.busy = False
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"connection lost before the answer was whole ({error or 'closed by the other side'})")

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        fault = self.fault() if status == 200 else f"status {status}: {b''.join(self.body)[:300]!r}"
        if fault:
            self._fail(fault)
            return
        self.body.clear()
        self.busy = False
        self.owner.finished(self)

    def fault(self) -> str | None:
        """What is wrong with the answer, if anything."""
        length = sum(map(len, self.body))
        return None if length == self.length else f"{length} bytes instead of {self.length}"

    def _fail(self, reason: str) -> None:
        if self.busy:
            self.close()
            self.owner.failed(self, reason)


class StreamConnection(Connection):
    """Expects streams of exactly `length` chunks, with usage and `[DONE]`."""

    def __init__(self, owner: Owner, request: bytes, length: int) -> None:
        super().__init__(owner, request, length)
        self.seen = 0

    def send(self) -> None:
        self.seen = 0
        super().send()

    def on_body(self, body: bytes) -> None:
        self.body.append(body)
        stamps = chat.STAMP.findall(body)
        if stamps:
            self.seen += len(stamps)
            self.owner.chunks(stamps, time.monotonic_ns())

    def fault(self) -> str | None:
        body = b"".join(self.body)
        count = len(chat.STAMP.findall(body))
        if not body.endswith(chat.DONE):
            return f"no [DONE] at the end of a stream of {len(body)} bytes and {count} chunks"
        if count != self.length:
            return f"{count} chunks instead of {self.length}"
        if b'"completion_tokens":%d' % chat.OUTPUT_TOKENS not in body:
            return "no usage in the stream"
        self.owner.chunks_unstamped(count - self.seen)
        return None
