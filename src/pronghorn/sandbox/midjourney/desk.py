"""Where tasks lie: in memory, the oldest go first; pictures are drawn when somebody asks for them."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from aiohttp import web

from pronghorn.kit.clock import Clock, SystemClock
from pronghorn.sandbox import picture
from pronghorn.sandbox.midjourney.pressed import Dialog
from pronghorn.sandbox.midjourney.task import Order, Task
from pronghorn.sandbox.midjourney.work import Work

MAX_TASKS = 1_000
MAX_BYTES = 128 * 1024 * 1024
PREVIEW_SIDE = 512
PREVIEW_STEPS = 4

PNG = picture.Format()
WEBP = picture.Format("webp", 80)


class Desk:
    """Tasks by id."""

    def __init__(
        self, clock: Clock | None = None, *, max_tasks: int = MAX_TASKS, max_bytes: int = MAX_BYTES
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._max_tasks, self._max_bytes = max_tasks, max_bytes
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._bytes = 0

    def open(self, order: Order, work: Work | None, dialog: Dialog | None = None) -> Task:
        """A new task, or a dialog if there is no work yet."""
        now_s = self.clock.now()
        task = Task(self._free_id(now_s), order, work, now_s, dialog)
        self._tasks[task.id] = task
        self.weigh(task)
        return task

    def get(self, task_id: str) -> Task | None:
        return self._tasks.get(task_id)

    def newest(self) -> Iterator[Task]:
        return reversed(self._tasks.values())

    def weigh(self, task: Task) -> None:
        """Make room for what the task holds by now; the newest always has room."""
        if task.id not in self._tasks:
            return
        weight = task.weight_bytes
        self._bytes += weight - self._weights.get(task.id, 0)
        self._weights[task.id] = weight
        while len(self._tasks) > self._max_tasks or (self._bytes > self._max_bytes and len(self._tasks) > 1):
            oldest, _ = self._tasks.popitem(last=False)
            self._bytes -= self._weights.pop(oldest, 0)

    async def picture(self, task: Task) -> bytes:
        """The finished picture as PNG; none for a task that makes none."""
        work = task.work
        if work is None or work.paint is None:
            return b""
        paint = work.paint
        async with task.drawing:
            if task.picture is None:
                task.picture = await asyncio.to_thread(lambda: picture.encode(paint(work.sketch), PNG))
                self.weigh(task)
        return task.picture

    async def preview(self, task: Task) -> bytes:
        """What there is to see so far, as WebP: small, and less and less blurred."""
        data = await self.picture(task)
        step = int(task.at(self.clock.now()).part * PREVIEW_STEPS)
        return await asyncio.to_thread(_blurred, data, min(step, PREVIEW_STEPS - 1)) if data else b""

    async def clip(self, task: Task, index: int) -> bytes:
        """A finished clip as MP4."""
        work = task.work
        if work is None or work.film is None or not 0 <= index < work.clip_count:
            return b""
        async with task.drawing:
            if index not in task.clips:
                task.clips[index] = await asyncio.to_thread(work.film, work.sketch, index)
                self.weigh(task)
        return task.clips[index]

    def _free_id(self, now_s: float) -> str:
        """Milliseconds and three digits, as long as nobody has the number."""
        number = int(now_s * 1000) * 1000 + len(self._tasks) % 1000
        while str(number) in self._tasks:
            number += 1
        return str(number)


DESK = web.AppKey("midjourney", Desk)


def _blurred(data: bytes, step: int) -> bytes:
    small = picture.read(data).convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return picture.encode(picture.unfinished(small, step, PREVIEW_STEPS), WEBP)
