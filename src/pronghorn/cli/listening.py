"""Listening: the server's own socket and event loop, before anything heavy is imported."""

import asyncio
import socket
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from pronghorn.settings import Settings, SettingsError

BACKLOG = 4096
UNSENT_BYTES = 128 * 1024
_NOTSENT_LOWAT = 25 if sys.platform == "linux" else None
"""Python has no name for it before 3.12."""


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def bind(settings: Settings) -> socket.socket:
    """The listening socket, before anything else is started. Raises `SettingsError`.

    It listens at once: until then another server could take the same port, and both would think it theirs. Who calls
    before the server is ready waits for it.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if (option := getattr(socket, "TCP_NOTSENT_LOWAT", _NOTSENT_LOWAT)) is not None:
        # What a slow caller has not read waits at the vendor, not in our kernel.
        listener.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "stop what listens there, or choose another address with --host or --port"
        ) from error
    listener.set_inheritable(False)
    return listener


def base_url(settings: Settings, listener: socket.socket) -> str:
    if settings.public_url:
        return settings.public_url.rstrip("/")
    return own_url(listener)


def own_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
