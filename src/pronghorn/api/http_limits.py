"""Limits of a connection: how much, and for how long, a client may ask of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much, and for how long, a client may ask of a connection before its request is in."""

    header_bytes: int = 64 * 1024
    """Request line and headers together."""
    header_count: int = 128
    url_bytes: int = 16 * 1024
    header_timeout_s: float = 10.0
    """From the first byte of a request (for the first request: from the connection) to the end of its headers."""
    body_idle_timeout_s: float = 30.0
    """Without a byte of the body, while the application waits for it."""
    body_bytes_per_s: float = 500.0
    """Least rate of a body over a stretch of `body_idle_timeout_s`, so that dripping does not help."""
    body_framing_bytes: int = 16 * 1024
    """Chunk sizes, extensions and trailers that a body may have, plus eight bytes for each byte of data."""
    keep_alive_s: float = 75.0
    write_stall_s: float = 60.0
    """Without the client taking a byte of what waits to be sent."""
    let_in_s: float = 1.0
    """How long one who was let in may take to begin a request once a stop was asked for."""
    pipelined: int = 16
    """Requests that wait behind the one being answered."""
    heads_learned: int = 8
    """Who sends another head each time is no longer learned from."""
    linger_s: float = 3.0
    """For which the rest of a request is read and thrown away after its answer, so that the answer gets through."""
    linger_bytes: int = 1024 * 1024
    sweep_s: float = 1.0
    """How often timeouts are looked at: each may come so much later."""


class BodyPace:
    """Tells whether a body still comes fast enough; asked at each sweep while the application takes what comes."""

    def __init__(self, limits: HttpLimits, now: float, received: int) -> None:
        self._limits = limits
        self._seen, self._seen_at = received, now
        self._stretch_from, self._stretch_at = received, now

    def is_too_slow(self, now: float, received: int) -> bool:
        limit_s = self._limits.body_idle_timeout_s
        if received != self._seen:
            self._seen, self._seen_at = received, now
        elif now - self._seen_at > limit_s:
            return True
        elapsed = now - self._stretch_at
        if elapsed > limit_s:
            if received - self._stretch_from < self._limits.body_bytes_per_s * elapsed:
                return True
            self._stretch_from, self._stretch_at = received, now
        return False
