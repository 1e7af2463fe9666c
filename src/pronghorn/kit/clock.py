"""Time as something handed in, so that tests decide what time it is.

`now` is wall time for records; `monotonic` measures durations and deadlines and never jumps.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class SystemClock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: float = 1_780_000_000.0) -> None:
        self._wall = start
        self._monotonic = 1_000.0

    def now(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._wall += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as an administrator or a leap does."""
        self._wall += seconds


def iso(unix_s: float) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-11-24T14:13:42.000Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """The Unix time of an ISO 8601 text; a text without a zone is UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
