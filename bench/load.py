"""The load: one process, one job from standard input, one outcome on standard output.

An open loop counts a request from its intended moment, so a stalled target cannot hide behind requests that were
never sent (coordinated omission). A run with errors still reports, and the bench then fails.
"""

import asyncio
import gc
import sys
import threading
import time
from collections import Counter, deque

import msgspec
import uvloop

from bench import chat, processes, stats
from bench.client import Connection, StreamConnection
from bench.jobs import Job, Outcome

MOST_ERRORS = 50
"""After so many the rest is not waited for."""
MOST_OPEN = 1024
"""Connections of an open loop; a target that needs more has stopped answering."""
CONNECT_AT_ONCE = 64
DRAIN_S = 15.0
_RSS_EVERY_S = 0.25


class Load:
    """What all kinds of load share: connections, the measured window, counts, errors."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.loop = asyncio.get_running_loop()
        body = chat.request_body(job.model, job.body_bytes, stream=job.stream)
        self.request = chat.request(f"127.0.0.1:{job.port}", job.key, body)
        self.length = chat.parse_model(job.model).chunks if job.stream else len(chat.answer_body(job.model))
        self.connections: list[Connection] = []
        self.outcome = Outcome()
        self.errors: Counter[str] = Counter()
        self.delays_ns: list[int] = []
        self.latencies_s: list[float] = []
        self.measuring = False
        self.stopping = False
        self.broken = asyncio.Event()

    async def connect(self) -> Connection:
        kind = StreamConnection if self.job.stream else Connection
        _, connection = await self.loop.create_connection(
            lambda: kind(self, self.request, self.length), "127.0.0.1", self.job.port
        )
        self.connections.append(connection)
        return connection

    def finished(self, connection: Connection) -> None:
        self.outcome.requests += self.measuring
        if not self.stopping:
            connection.send()

    def failed(self, connection: Connection, reason: str) -> None:
        self.errors[reason] += 1
        if self.errors.total() >= MOST_ERRORS:
            self.broken.set()

    def chunks(self, stamps_ns: list[bytes], arrived_ns: int) -> None:
        if self.measuring:
            self.outcome.chunks += len(stamps_ns)
            self.delays_ns += [arrived_ns - int(stamp) for stamp in stamps_ns]

    def chunks_unstamped(self, count: int) -> None:
        self.outcome.chunks += count * self.measuring

    async def pause(self, seconds: float) -> None:
        """Sleep, or less when too much went wrong to go on."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.broken.wait()
        except TimeoutError:
            return

    async def begin(self) -> None:
        """Connect and start sending."""
        for first in range(0, self.job.connections, CONNECT_AT_ONCE):
            missing = min(CONNECT_AT_ONCE, self.job.connections - first)
            await asyncio.gather(*(self.connect() for _ in range(missing)))
        started = time.monotonic()
        for moment, connection in zip(
            stats.staggered(started, self.job.ramp_s, len(self.connections)), self.connections, strict=True
        ):
            if moment > time.monotonic():
                await self.pause(moment - time.monotonic())
            connection.send()

    async def measure(self) -> None:
        """The window: read the accounts, wait, read them again."""
        pids, outcome = self.job.pids, self.outcome
        before = {role: processes.cpu_s(ids) for role, ids in pids.items()}
        opened = time.monotonic()
        self.measuring = True
        while (left := opened + self.job.seconds - time.monotonic()) > 0 and not self.broken.is_set():
            await self.pause(min(left, _RSS_EVERY_S))
            for role, ids in pids.items():
                outcome.rss_mb[role] = max(outcome.rss_mb.get(role, 0.0), processes.rss_mb(ids))
        self.measuring = False
        outcome.seconds = time.monotonic() - opened
        outcome.cpu_s = {role: processes.cpu_s(ids) - before[role] for role, ids in pids.items()}

    async def drain(self, within_s: float) -> None:
        """Let what is under way end; what does not end is an error."""
        self.stopping = True
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and any(each.busy for each in self.connections):
            await self.pause(0.05)
            if self.broken.is_set():
                break
        for connection in self.connections:
            if connection.busy and not self.broken.is_set():
                self.errors[f"no whole answer within {within_s:.0f} s after the window"] += 1
            connection.close()

    async def run(self) -> Outcome:
        await self.begin()
        await self.pause(self.job.warmup_s)
        await self.measure()
        await self.drain(DRAIN_S + chat.parse_model(self.job.model).stream_s)
        self.outcome.errors = dict(self.errors.most_common(5))
        self.outcome.chunk_ms = _summary(sorted(delay / 1e6 for delay in self.delays_ns))
        self.outcome.request_ms = _summary(sorted(latency * 1e3 for latency in self.latencies_s))
        return self.outcome


class HoldLoad(Load):
    """One stream a connection, all open during the window."""

    def finished(self, connection: Connection) -> None:
        self.outcome.requests += 1
        if self.measuring:
            self.failed(connection, "a stream ended while all were to be held open")


class OpenLoad(Load):
    """A constant rate, kept by a thread that sleeps more exactly than the loop's timers of one millisecond."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.idle: deque[Connection] = deque()
        self.opening: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.start = 0.0

    async def begin(self) -> None:
        self.idle.extend([await self.connect() for _ in range(min(16, self.job.connections))])
        self.start = time.monotonic() + 0.05
        threading.Thread(target=self._keep_time, daemon=True).start()

    def _keep_time(self) -> None:
        number = 0
        while not self.stopping:
            left = stats.intended(self.start, self.job.rate, number) - time.monotonic()
            if left > 0:
                time.sleep(left)
                self.loop.call_soon_threadsafe(self._send_due)
            number += 1

    def _send_due(self) -> None:
        for _ in range(stats.due(self.start, self.job.rate, self.sent, time.monotonic())):
            moment = stats.intended(self.start, self.job.rate, self.sent)
            self.sent += 1
            if self.stopping:
                return
            if connection := self._take_idle():
                self._send(connection, moment)
            elif len(self.connections) + len(self.opening) < MOST_OPEN:
                task = self.loop.create_task(self._send_on_new(moment))
                self.opening.add(task)
                task.add_done_callback(self.opening.discard)
            else:
                self.errors[f"more than {MOST_OPEN} requests without an answer"] += 1
                self.broken.set()

    def _take_idle(self) -> Connection | None:
        """The one used last; those that the target has closed meanwhile are dropped."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _send_on_new(self, moment: float) -> None:
        try:
            self._send(await self.connect(), moment)
        except OSError as error:
            self.errors[f"cannot connect: {error}"] += 1

    def _send(self, connection: Connection, moment: float) -> None:
        connection.intended = moment
        connection.counted = self.measuring
        connection.send()

    def finished(self, connection: Connection) -> None:
        if connection.counted:
            self.outcome.requests += 1
            self.latencies_s.append(time.monotonic() - connection.intended)
        self.idle.append(connection)


def _summary(ordered: list[float]) -> dict[str, float]:
    if not ordered:
        return {}
    return {name: stats.percentile(ordered, share) for name, share in (("p50", 0.5), ("p99", 0.99))}


_KINDS: dict[str, type[Load]] = {"closed": Load, "open": OpenLoad, "hold": HoldLoad}


async def _run(job: Job) -> Outcome:
    gc.freeze()
    gc.disable()  # a run is short, and a collection would show as somebody else's delay
    try:
        return await _KINDS[job.kind](job).run()
    except OSError as error:
        return Outcome(errors={f"cannot connect: {error}": 1})


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(job))))


if __name__ == "__main__":
    main()
