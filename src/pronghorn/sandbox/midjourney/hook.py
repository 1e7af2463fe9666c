"""`notifyHook`: the task object, posted when its status changes; what the receiver says is not read."""

import asyncio

import aiohttp
import structlog
from aiohttp import web

from pronghorn.sandbox.midjourney.desk import Desk
from pronghorn.sandbox.midjourney.task import Shape, Task

TIMEOUT_S = 5.0
MAX_WATCHED = 200
_LATE_S = 0.002
"""A clock may wake a little before its time."""

log = structlog.get_logger()


class Notifier:
    """One waiting routine for each task that has a hook, and none for the others."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watches: set[asyncio.Task[None]] = set()

    def watch(self, task: Task, origin: str) -> None:
        """Beyond `MAX_WATCHED` at one time nobody is told."""
        if task.order.notify_hook and task.work is not None and len(self._watches) < MAX_WATCHED:
            watch = asyncio.get_running_loop().create_task(self._tell_changes(task, origin))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def close(self, _app: web.Application) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _tell_changes(self, task: Task, origin: str) -> None:
        told = ""
        for moment_s in (task.drawing_from_s, task.ends_s):
            await asyncio.sleep(max(0.0, moment_s - self._desk.clock.now()) + _LATE_S)
            shape = task.told(self._desk.clock.now(), origin)
            if shape["status"] != told:
                await _post(task.order.notify_hook, shape)
            told = shape["status"]


async def _post(url: str, shape: Shape) -> None:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=shape, allow_redirects=False),
        ):
            pass
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.info("sandbox.hook_failed", error=type(error).__name__)


NOTIFIER = web.AppKey("midjourney_notifier", Notifier)
