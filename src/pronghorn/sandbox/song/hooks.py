"""Callbacks: one POST when a task ends, sent once and forgotten, whatever comes back."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.song.tasks import Task

log = structlog.get_logger()

MAX_WAITING = 1_000
TIMEOUT_S = 10.0


class Hooks:
    """What waits to be sent; at the end of the server it is not."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[None]] = set()

    def at_end(self, task: Task, body: Callable[[], dict[str, Any]]) -> None:
        """Tell `task.hook`, if there is one, when the task ends. Raises `SandboxError` if too many wait."""
        if not task.hook or task.ending == "stuck":
            return
        if len(self._waiting) >= MAX_WAITING:
            raise SandboxError("Too many callbacks are waiting.", status=429)
        sending = asyncio.get_running_loop().create_task(_send(task, body))
        self._waiting.add(sending)
        sending.add_done_callback(self._waiting.discard)

    async def close(self, _app: web.Application) -> None:
        for sending in self._waiting:
            sending.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)


HOOKS = web.AppKey("song_hooks", Hooks)


async def _send(task: Task, body: Callable[[], dict[str, Any]]) -> None:
    # A little later, so that a body made now shows the end.
    await asyncio.sleep(task.duration_s * task.ends_at_part + 0.01)
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.post(task.hook, json=body(), allow_redirects=False) as response,
        ):
            log.info("sandbox.callback", status=response.status)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.info("sandbox.callback_failed", reason=type(error).__name__)
