"""Starting, pinning, stopping and reading the accounts of processes: nothing outlives the bench."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
MOST_FILES = 65_536


class BenchError(Exception):
    """The run cannot go on or its figures would be wrong; the message says why."""


def cores() -> tuple[int, int] | None:
    """The core of the target and the core of stub and load, or None where there is nothing to choose."""
    if sys.platform != "linux":
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started inside, and their children, stay on `core`."""
    if core is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> int:
    """As many open files as the system lets this user have; what is started inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(command: Sequence[str], log: Path, core: int | None, cwd: Path = ROOT) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches the bench alone, which then stops everything in order."""
    with log.open("ab") as out, on_core(core):
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, start_new_session=True
        )


def stop(process: subprocess.Popen[bytes], patience_s: float = 15.0) -> None:
    """Ask, wait, then kill whatever of the family is left."""
    family = tree(process.pid)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _, alive = psutil.wait_procs(family, timeout=3)
    for survivor in alive:
        survivor.kill()


def tree(pid: int) -> list[psutil.Process]:
    """The process and all below it; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def wait_until(
    what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, within_s: float = 30.0
) -> None:
    """Ask every 5 ms until `ready`; a process that dies meanwhile is told with the end of its log."""
    deadline = time.monotonic() + within_s
    while not ready():
        if process.poll() is not None:
            raise BenchError(f"{what} ended with code {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"{what} was not ready within {within_s:.0f} s:\n{tail(log)}")
        time.sleep(0.005)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(log: Path, characters: int = 1500) -> str:
    return log.read_text(errors="replace")[-characters:].strip() if log.exists() else "(no log)"


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of all their threads, in seconds."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))


def rss_mb(pids: Iterable[int]) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 1e6


def wait_quiet(pids: Sequence[int], within_s: float = 60.0) -> bool:
    """Until what the last point left behind is worked off, so that it is not laid to the next one."""
    deadline = time.monotonic() + within_s
    before = cpu_s(pids)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = cpu_s(pids)
        if now - before <= 0.03:
            return True
        before = now
    return False


def interrupt_once() -> None:
    """Ctrl-C or SIGTERM ends the bench through every `finally`; a second one cannot cut the stopping short."""

    def interrupt(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
