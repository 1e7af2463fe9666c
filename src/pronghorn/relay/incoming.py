"""What a door hands to the relay: the request as it came, and where the answer goes."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

Headers = list[tuple[bytes, bytes]]


class Incoming(msgspec.Struct, gc=False):
    """One request of a caller whose key is already known."""

    id: str
    headers: dict[bytes, bytes]
    """Names in lower case."""
    body: bytes
    upload: AsyncIterator[bytes] | None
    """A multipart body that is still coming, instead of `body`."""
    client_ip: str
    received_s: float
    """Unix time."""
    model: str | None = None
    """From the path, where a route has it there (Azure, Gemini)."""
    is_stream: bool | None = None
    """Likewise."""
    is_array: bool = False
    """A stream goes out as one JSON array instead of events (Gemini without `alt=sse`)."""
    dropped: tuple[str, ...] = ()
    """JSON paths of what a door could not carry: see `Exchange.dropped`."""


class Flow(Protocol):
    write_paused: bool
    """The caller reads too slowly: nothing more should be sent now."""


class Straight(Protocol):
    """A connection to which parts of a begun answer may be written without a pause, while it takes them."""

    @property
    def flow(self) -> Flow: ...

    def write_part(self, data: bytes) -> None: ...


class Sink(Protocol):
    """The caller's end of the connection."""

    @property
    def straight(self) -> Straight | None:
        """None: each part has to be awaited."""

    def on_disconnect(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` once if the caller hangs up before the end; None forgets it."""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete answer."""

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer whose length is not known."""

    async def write(self, data: bytes) -> None:
        """Send a part of it; waits while the caller reads too slowly."""

    async def end(self) -> None:
        """End it properly."""

    def break_off(self) -> None:
        """End it so that nobody can take it for complete."""
