"""What the bench asks of a load process, and what it hears back: plain data, one JSON document each way."""

from typing import Literal

import msgspec

Kind = Literal["closed", "open", "hold"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`closed`: every connection sends again as soon as its answer is whole. `open`: `rate` a second, whatever
    comes back. `hold`: each connection opens one stream, all are open at once, each is read to its end."""

    kind: Kind
    port: int
    model: str
    key: str = "none"
    body_bytes: int = 1024
    stream: bool = False
    connections: int = 64
    rate: float = 0.0
    ramp_s: float = 0.0
    warmup_s: float = 1.0
    seconds: float = 5.0
    pids: dict[str, list[int]] = {}
    """Whose processor time and memory to read, by role."""


class Outcome(msgspec.Struct, kw_only=True):
    """Counts and times of the measured window alone, without warm-up and drain."""

    seconds: float = 0.0
    requests: int = 0
    chunks: int = 0
    cpu_s: dict[str, float] = {}
    rss_mb: dict[str, float] = {}
    """The highest seen."""
    request_ms: dict[str, float] = {}
    chunk_ms: dict[str, float] = {}
    errors: dict[str, int] = {}
    """Reason and how often."""
