"""Tasks of the sandbox's song vendors: their state is what the clock says, so no task needs a job of its own.

Times are of `speed=1`; without `speed` everything is ten times as fast.
"""

import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import web

from pronghorn.kit.clock import Clock, SystemClock
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.song.takes import Take

DEFAULT_SPEED = 10.0
MAX_TASKS = 1_000
MAX_PERSONAS = 1_000

QUEUED_FROM, STREAMING_FROM, FIRST_DONE_AT = 0.05, 0.2, 0.9
"""Parts of a task's time."""
MODERATED_AT, FAILED_AT, STUCK_AT = 0.2, 0.6, 0.5

Stage = Literal["submitted", "queued", "streaming", "complete", "error"]
Ending = Literal["", "fail", "stuck", "moderated", "half"]
"""How a task ends: well, if empty; `half` loses its second clip."""

MESSAGES = {
    "fail": "Internal error while generating audio.",
    "half": "Internal error while generating audio.",
    "moderated": "Your prompt was flagged by moderation.",
}
ERROR_TYPES = {"fail": "internal_error", "half": "internal_error", "moderated": "moderation_failure"}

MAGIC_PROMPTS: dict[str, Ending] = {"fail": "fail", "stuck": "stuck", "refuse": "moderated", "half": "half"}


@dataclass(slots=True)
class Clip:
    """A song. `shown` is what its vendor tells of it besides."""

    take: Take
    title: str
    tags: str
    lyrics: str
    model: str = ""
    shown: dict[str, Any] = field(default_factory=dict)
    whole: Take | None = None
    """Of a continuation: the song with its source."""
    notes_ready_s: float | None = None
    """When its notes are written down, if somebody has asked for them."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Task:
    """One order. `duration_s` is how long it really takes; 0: it is done at once."""

    vendor: str
    action: str
    clips: list[Clip] = field(default_factory=list)
    ending: Ending = ""
    hook: str = ""
    shown: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    duration_s: float = 0.0
    submitted_at: float = 0.0
    _began_s: float = 0.0

    def begin(self, clock: Clock, duration_s: float) -> None:
        self.submitted_at, self._began_s, self.duration_s = clock.now(), clock.monotonic(), duration_s

    def part(self, now_s: float) -> float:
        """How much of its time is over, from 0 to 1; one that is stuck comes to a half."""
        over = min(1.0, (now_s - self._began_s) / self.duration_s) if self.duration_s else 1.0
        return min(over, STUCK_AT) if self.ending == "stuck" else over

    @property
    def ends_at_part(self) -> float:
        return {"fail": FAILED_AT, "moderated": MODERATED_AT, "half": FIRST_DONE_AT}.get(self.ending, 1.0)

    def time_of(self, part: float) -> float:
        """The moment, in Unix seconds, when that part of its time was over."""
        return self.submitted_at + part * self.duration_s

    def is_over(self, now_s: float) -> bool:
        return self.ending != "stuck" and self.part(now_s) >= self.ends_at_part

    def stage(self, now_s: float, number: int | None = None) -> Stage:
        """Of the clip with that number, else of the whole: the first of several clips is ready sooner."""
        part = self.part(now_s)
        if self.ending in ("fail", "moderated") and part >= self.ends_at_part:
            return "error"
        if self.ending == "half" and (
            (number == 1 and part >= FAILED_AT) or (number is None and self.is_over(now_s))
        ):
            return "error"
        is_early = number == 0 and len(self.clips) > 1
        if part >= (FIRST_DONE_AT if is_early else 1.0):
            return "complete"
        if part >= STREAMING_FROM:
            return "streaming"
        return "queued" if part >= QUEUED_FROM else "submitted"

    def progress(self, now_s: float) -> str:
        """As the vendors write it: nothing until it streams."""
        part = self.part(now_s)
        return "100%" if self.is_over(now_s) else f"{round(100 * part) if part >= STREAMING_FROM else 0}%"

    @property
    def message(self) -> str:
        return MESSAGES[self.ending]


def ending(request: web.Request, *texts: str) -> Ending:
    """What the header asks for, else what a magic prompt does."""
    asked = request[FAULTS].task
    said: Iterator[Ending] = (MAGIC_PROMPTS.get(text.strip().lower(), "") for text in texts)
    magic: Ending = next((one for one in said if one), "")
    return cast(Ending, asked) or magic


class Desk:
    """Tasks and their clips by id; the oldest go first when there are too many."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.personas: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._places: dict[str, Place] = {}

    @property
    def now_s(self) -> float:
        return self.clock.monotonic()

    def begin(self, request: web.Request, task: Task, seconds: float) -> Task:
        """From now on the task runs, for `seconds` at `speed=1`."""
        return self.keep(task, seconds / (request[FAULTS].speed or DEFAULT_SPEED))

    def keep(self, task: Task, duration_s: float) -> Task:
        task.begin(self.clock, duration_s)
        self._tasks[task.id] = task
        self._places |= {clip.id: Place(task, number) for number, clip in enumerate(task.clips)}
        while len(self._tasks) > MAX_TASKS:
            for clip in self._tasks.popitem(last=False)[1].clips:
                del self._places[clip.id]
        return task

    def task(self, task_id: str, vendor: str) -> Task | None:
        found = self._tasks.get(task_id)
        return found if found is not None and found.vendor == vendor else None

    def place(self, clip_id: str, *vendors: str) -> "Place | None":
        """Where a clip is, of one of these vendors if any are named."""
        found = self._places.get(clip_id)
        return found if found is not None and (not vendors or found.task.vendor in vendors) else None

    def places(self, *vendors: str) -> "list[Place]":
        """All clips of these vendors, the newest first."""
        found = [place for place in self._places.values() if place.task.vendor in vendors]
        return found[::-1]

    def keep_persona(self, persona: dict[str, Any]) -> None:
        self.personas[persona["id"]] = persona
        while len(self.personas) > MAX_PERSONAS:
            self.personas.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A clip, by its task and its number in it."""

    task: Task
    number: int

    @property
    def clip(self) -> Clip:
        return self.task.clips[self.number]

    def stage(self, now_s: float) -> Stage:
        return self.task.stage(now_s, self.number)


DESK = web.AppKey("song_desk", Desk)
