"""Following: a task as a stream of events: as it is, then at each change, until it is over.

The worker may run on another machine, so the database is asked. The more follow, the more rarely each of them asks.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from pronghorn.errors import LimitReached
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.routing import Grant

PAUSE_S = 0.5
LOOKS_A_SECOND = 200.0
"""Of one server, whatever the number of followers."""
PING_S = 15.0
MAX_OF_AN_ACCOUNT = 100
MAX_FOLLOWERS = 1_000
HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_PING = b": ping\n\n"

Shape = dict[str, Any]
Look = Callable[[], Awaitable[Shape | None]]
"""The task as it is now; None: it is not there any more."""
IsOver = Callable[[Shape], bool]


class Following:
    """Who follows what in this process."""

    def __init__(self, *, pause_s: float = PAUSE_S, ping_s: float = PING_S) -> None:
        self._shortest_s = pause_s
        self._ping_s = ping_s
        self._of_account: Counter[str] = Counter()

    async def follow(self, grant: Grant, first: Shape, look: Look, is_over: IsOver, sink: Sink) -> None:
        """Raises `LimitReached` before anything is sent."""
        self._check_room(grant.account_id)
        self._of_account[grant.account_id] += 1
        try:
            await self._tell(first, look, is_over, sink)
        finally:
            sink.on_disconnect(None)
            self._of_account[grant.account_id] -= 1
            self._of_account += Counter()  # forgets who is at 0

    def _check_room(self, account_id: str) -> None:
        if self._of_account[account_id] >= MAX_OF_AN_ACCOUNT or self._of_account.total() >= MAX_FOLLOWERS:
            raise LimitReached(
                f"too many streams of tasks are open (at most {MAX_OF_AN_ACCOUNT} of an account): close some, "
                "poll GET /v1/tasks/{id}, or let a webhook tell you",
                retry_after_s=5.0,
            )

    async def _tell(self, first: Shape, look: Look, is_over: IsOver, sink: Sink) -> None:
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        sink.on_disconnect(gone.set)
        await sink.start(200, HEADERS)
        told: Shape | None = None
        now: Shape | None = first
        spoke_s = loop.time()
        while now is not None:
            if now != told:
                await sink.write(_event(now))
                told, spoke_s = now, loop.time()
            elif loop.time() - spoke_s >= self._ping_s:
                await sink.write(_PING)
                spoke_s = loop.time()
            if is_over(now) or await _is_set_within(gone, self._pause_s()) or _is_stopping(sink):
                break
            now = await look()
        if not gone.is_set():
            await sink.end()

    def _pause_s(self) -> float:
        return max(self._shortest_s, self._of_account.total() / LOOKS_A_SECOND)


def _event(shape: Shape) -> bytes:
    return b"event: task\ndata: %b\n\n" % msgspec.json.encode(shape)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _is_stopping(sink: Sink) -> bool:
    """Our server's connections know it; others end the stream when they close."""
    return bool(getattr(sink.straight, "is_stopping", False))
