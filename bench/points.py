"""What is measured, as data: the points, and the figures that each kind of point yields."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bench import chat
from bench.jobs import Job, Kind, Outcome
from bench.targets import Target

Group = Literal["nonstream", "stream", "latency", "open-streams", "idle"]
GROUPS: tuple[Group, ...] = ("idle", "open-streams", "nonstream", "stream", "latency")
"""In the order of the run: memory is read before the big bodies have stretched it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the plan. `fresh`: the target is started anew. `ramp_s`: over how long the streams begin.

    A ramp of one stream and one gap more spreads both the starts and the beats of the chunks evenly.
    """

    name: str
    group: Group
    kind: Kind | Literal["idle"]
    title: str
    model: str = ""
    body_bytes: int = 1024
    stream: bool = False
    connections: int = 64
    rate: float = 0.0
    ramp_s: float = 0.0
    fresh: bool = False

    @property
    def of_memory(self) -> bool:
        """Read from the accounts of the processes alone."""
        return self.kind in ("idle", "hold")

    def job(self, target: Target, seconds: float, files: int) -> Job:
        """`files`: how many a process may open; both sides of each held stream need one."""
        assert self.kind != "idle"
        script = chat.parse_model(self.model)
        warmup_s = max(1.0, min(2.0, seconds))
        if self.kind == "hold":
            # The first stream must still be open when the last one has been held for the whole window.
            seconds = min(seconds, script.stream_s - self.ramp_s - warmup_s - 2)
        return Job(
            kind=self.kind,
            port=target.port(stream=self.stream),
            model=self.model,
            key=target.key,
            body_bytes=self.body_bytes,
            stream=self.stream,
            connections=min(self.connections, files // 3),
            rate=self.rate,
            ramp_s=self.ramp_s,
            warmup_s=warmup_s,
            seconds=seconds,
            pids=target.pids(),
        )


POINTS = (
    Point("idle", "idle", "idle", "idle", fresh=True),
    Point(
        "open-2000", "open-streams", "hold", "2,000 open streams",
        model="stub-20x1000ms", stream=True, connections=2000, ramp_s=5.0, fresh=True,
    ),
    Point("chat-1kb", "nonstream", "closed", "chat, 1 KB", model="stub-1kb"),
    Point("chat-32kb", "nonstream", "closed", "chat, 32 KB", model="stub-32kb", body_bytes=32 * 1024),
    Point("chat-1mb", "nonstream", "closed", "chat, 1 MB", model="stub-1mb", body_bytes=1024 * 1024),
    Point(
        "stream-20ms", "stream", "closed", "200 streams, 20 ms gap",
        model="stub-100x20ms", stream=True, connections=200, ramp_s=2.02,
    ),
    Point(
        "stream-flood", "stream", "closed", "16 streams, no gap",
        model="stub-500x0ms", stream=True, connections=16,
    ),
    Point("latency-300", "latency", "open", "chat, 300 a second", model="stub-1kb", rate=300.0),
)  # fmt: skip

MODELS = tuple(sorted({point.model for point in POINTS if point.model}))


@dataclass(frozen=True, slots=True)
class Figure:
    """`against`: how it is compared with the yardstick, as a `ratio`, as an `excess`, or not at all."""

    name: str
    title: str
    digits: int = 1
    against: Literal["ratio", "excess"] | None = None


FIGURES = (
    Figure("cpu_us", "CPU µs each", against="ratio"),
    Figure("worker_us", "CPU µs each, companions"),
    Figure("per_s", "a second", digits=0),
    Figure("busy", "share of its core", digits=2),
    Figure("p50_ms", "p50 ms", digits=2, against="excess"),
    Figure("p99_ms", "p99 ms", digits=2, against="excess"),
    Figure("rss_mb", "RSS MB, server"),
    Figure("rss_all_mb", "RSS MB, all"),
    Figure("second_start_s", "second start s", digits=2),
)


def chosen(groups: Iterable[str]) -> list[Point]:
    wanted = set(groups)
    return [point for group in GROUPS if group in wanted for point in POINTS if point.group == group]


def figures(point: Point, outcome: Outcome) -> dict[str, float]:
    """The figures of one round; a stream is counted by its chunks."""
    if point.kind == "hold":
        return memory(outcome.rss_mb)
    if point.kind == "open":
        return {f"{name}_ms": value for name, value in outcome.request_ms.items()}
    count = outcome.chunks if point.stream else outcome.requests
    found = {"per_s": count / outcome.seconds}
    if count and "server" in outcome.cpu_s:
        companions = sum(spent for role, spent in outcome.cpu_s.items() if role != "server")
        found["cpu_us"] = outcome.cpu_s["server"] / count * 1e6
        found["busy"] = outcome.cpu_s["server"] / outcome.seconds
        if len(outcome.cpu_s) > 1:
            found["worker_us"] = companions / count * 1e6
    if point.stream and chat.parse_model(point.model).gap_s:
        found |= {f"{name}_ms": value for name, value in outcome.chunk_ms.items()}
    return found


def memory(rss_mb: dict[str, float]) -> dict[str, float]:
    return {"rss_mb": rss_mb["server"], "rss_all_mb": sum(rss_mb.values())} if "server" in rss_mb else {}
