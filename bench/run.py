"""The run: rounds over points over targets, so that what is compared was measured within the same minute."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import psutil

from bench import chat, load, points, processes
from bench.jobs import Job, Outcome
from bench.points import Point
from bench.processes import BenchError
from bench.targets import Target

SETTLE_S = 3.0
"""How long a target is left alone before its idle memory is read."""


@dataclass
class Contender:
    """A target, for how many rounds it takes part, and the same with all its processes for points at rest.

    Without `whole` it has no process of its own, hence no memory to read.
    """

    target: Target
    whole: Target | None
    rounds: int
    running: bool = False

    def takes_part(self, number: int, point: Point) -> bool:
        return number < self.rounds and (self.whole is not None or not point.of_memory)

    def up(self) -> Target:
        if not self.running:
            self.running = True
            self.target.start()
        return self.target

    def down(self) -> None:
        self.running = False
        self.target.stop()
        if self.whole is not None:
            self.whole.stop()


@dataclass
class Results:
    """Per point and target the figures of each round, and what went wrong."""

    rounds: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def of(self, point: str, target: str) -> list[dict[str, float]]:
        return self.rounds.setdefault(point, {}).setdefault(target, [])


@dataclass
class Run:
    """`said` is called with the round, the point, the target and its figures as they come; `begun` before each."""

    contenders: Sequence[Contender]
    plan: Sequence[Point]
    rounds: int
    seconds: float
    core: int | None
    files: int
    begun: Callable[[str], None]
    said: Callable[[str, dict[str, float]], None]
    results: Results = field(default_factory=Results)

    def steps(self) -> list[tuple[int, Point, Contender]]:
        """Interleaved: within a round each point goes from target to target."""
        return [
            (number, point, contender)
            for number in range(self.rounds)
            for point in self.plan
            for contender in self.contenders
            if contender.takes_part(number, point)
        ]

    def all(self) -> Results:
        """A point that failed on a target is not tried again there."""
        failed: set[tuple[str, str]] = set()
        try:
            for number, point, contender in self.steps():
                pair = point.name, contender.target.name
                if pair not in failed and not self._step(number, point, contender):
                    failed.add(pair)
        finally:
            for contender in self.contenders:
                contender.down()
        return self.results

    def _step(self, number: int, point: Point, contender: Contender) -> bool:
        """Whether it went well."""
        label = f"round {number + 1}/{self.rounds}  {point.name}  {contender.target.name}"
        self.begun(label)
        try:
            if point.kind == "idle" and contender.whole is not None:
                figures = self._idle(contender.whole)
            else:
                figures = self._loaded(point, contender)
        except (BenchError, OSError, psutil.Error) as error:
            self.results.failures.append(f"{label}: {error}")
            self.said(label, {})
            contender.down()
            return False
        self.results.of(point.name, contender.target.name).append(figures)
        self.said(label, figures)
        return True

    def _idle(self, target: Target) -> dict[str, float]:
        """Started, stopped, and started again on the same data: then the time to ready and the memory at rest."""
        for each in self.contenders:
            each.down()
        try:
            target.start()
            target.stop()
            began = time.monotonic()
            target.start()
            second_start_s = time.monotonic() - began
            time.sleep(SETTLE_S)
            rss_mb = {role: processes.rss_mb(pids) for role, pids in target.pids().items()}
            return points.memory(rss_mb) | {"second_start_s": second_start_s}
        finally:
            target.stop()

    def _loaded(self, point: Point, contender: Contender) -> dict[str, float]:
        if point.fresh:
            contender.down()
        job = point.job(contender.up(), self.seconds, self.files)
        outcome = run_load(job, self.core)
        if outcome.errors:
            reasons = "; ".join(f"{count} x {reason}" for reason, count in outcome.errors.items())
            raise BenchError(reasons)
        if not outcome.requests:
            raise BenchError("not one request was answered within the window")
        pids = [pid for role in job.pids.values() for pid in role]
        if pids and not processes.wait_quiet(pids):
            raise BenchError("still busy long after the load has ended")
        return points.figures(point, outcome)


def run_load(job: Job, core: int | None) -> Outcome:
    """One load process for one job; the answer or a `BenchError`."""
    script = chat.parse_model(job.model)
    within_s = job.ramp_s + job.warmup_s + job.seconds + 2 * script.stream_s + load.DRAIN_S + 60
    with processes.on_core(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=processes.ROOT, start_new_session=True,
        )  # fmt: skip
    try:
        out, errors = process.communicate(msgspec.json.encode(job), within_s)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"the load did not end within {within_s:.0f} s") from error
    finally:
        processes.stop(process)
    if process.returncode:
        raise BenchError(f"the load ended with code {process.returncode}: {errors.decode().strip()[-300:]}")
    return msgspec.json.decode(out, type=Outcome)
