"""When a companion stops. Light, because the sandbox has no use for what the worker imports."""

import asyncio
import os
import signal
import sys


def stop_event(*, follows_stdin: bool) -> asyncio.Event:
    """Set by SIGTERM or SIGINT; for a companion by the end of its standard input alone, its server's death included."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if follows_stdin:
        # A signal may reach the whole process group, but the server decides when its companions stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        loop.add_reader(sys.stdin.fileno(), _on_stdin, loop, stop)
    else:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
    return stop


def _on_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()
