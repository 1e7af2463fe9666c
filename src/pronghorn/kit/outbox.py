"""Outbox: small writes of one turn of the event loop, handed to their sockets together at its end.

Each write to a sleeping peer wakes it, and waking costs more than writing. Under load a turn serves dozens of
requests: written one after the other, their bytes find the peer awake. With little load nothing waits for anything.
"""

import asyncio


class Outbox:
    """One for each event loop."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Like `transport.write`, a moment later. Whoever closes the transport calls `flush` before."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((transport, data))

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                try:
                    transport.write(data)
                except Exception as error:  # the fault of one of them: the others get what is theirs
                    said = {"message": "a write failed", "exception": error, "transport": transport}
                    self._loop.call_exception_handler(said)
