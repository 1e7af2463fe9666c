"""Responses that are remembered, by key, in bounded memory; one made in the background needs no task of its own.

Its answer is decided at once and comes out by the clock: each event has its time, and the state at any moment is
what the events up to then say.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai import responses_events
from pronghorn.sandbox.reply import EVENTS_PER_S

Shape = dict[str, Any]

MAX_RESPONSES = 1_000
MAX_BYTES = 128 * 1024 * 1024
BACKGROUND_S = 0.3
"""How long a background response takes, unless `speed` asks for a pace."""


@dataclass(slots=True)
class Kept:
    """A response with its own input, and the id of the response before it."""

    final: Shape
    items: list[Shape]
    size_bytes: int = 0
    speed: float = 0.0
    is_stuck: bool = False
    _event_count: int = 0
    _began_s: float = field(default_factory=time.monotonic)
    _cancelled_s: float | None = None

    def __post_init__(self) -> None:
        if self.is_background:
            self._event_count = len(responses_events.of(self.final))

    @property
    def is_background(self) -> bool:
        return bool(self.final["background"])

    def now(self) -> Shape:
        """The response as it is at this moment."""
        if self._cancelled_s is not None:
            return responses_events.unfinished(self.final, "cancelled")
        elapsed_s = self._elapsed_s()
        if elapsed_s >= self._due_s(self._event_count - 1):
            return self.final
        return responses_events.unfinished(
            self.final, "queued" if elapsed_s < self._due_s(2) else "in_progress"
        )

    def cancel(self) -> Shape:
        """Stops it where it is; what has ended stays as it ended."""
        if self.now()["status"] in ("queued", "in_progress"):
            self._cancelled_s = self._elapsed_s()
        return self.now()

    async def follow(self, after: int = -1) -> AsyncIterator[Shape]:
        """Its events from number `after` + 1 on, each when its time has come; a cancelled one ends where it was."""
        for event in responses_events.of(self.final)[after + 1 :]:
            number = event["sequence_number"]
            while (left_s := self._due_s(number) - self._elapsed_s()) > 0:
                if self._cancelled_s is not None:
                    return
                await asyncio.sleep(min(max(left_s, 0.001), 0.1))
            yield event

    def _elapsed_s(self) -> float:
        if self._cancelled_s is not None:
            return self._cancelled_s
        elapsed_s = time.monotonic() - self._began_s
        return min(elapsed_s, self._due_s(self._event_count // 2)) if self.is_stuck else elapsed_s

    def _due_s(self, number: int) -> float:
        """When an event comes out: `created` and `queued` at once, the others evenly after them."""
        if not self.is_background:
            return 0.0
        step_s = 1.0 / (EVENTS_PER_S * self.speed) if self.speed else BACKGROUND_S / self._event_count
        return max(0, number - 1) * step_s


class Memory:
    """Responses by key and id; the longest unused go first. What is not here is looked for `behind`."""

    def __init__(self, behind: "Memory | None" = None) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0
        self._behind = behind

    def put(self, key: str, kept: Kept) -> None:
        self._kept[key, kept.final["id"]] = kept
        self._bytes += kept.size_bytes
        while len(self._kept) > MAX_RESPONSES or (self._bytes > MAX_BYTES and len(self._kept) > 1):
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes

    def get(self, key: str, response_id: str) -> Kept | None:
        found = self._kept.get((key, response_id))
        if found is not None:
            self._kept.move_to_end((key, response_id))
            return found
        return self._behind.get(key, response_id) if self._behind else None

    def delete(self, key: str, response_id: str) -> bool:
        gone = self._kept.pop((key, response_id), None)
        self._bytes -= gone.size_bytes if gone else 0
        return gone is not None

    def item(self, key: str, item_id: str) -> Shape | None:
        """An item of any kept response of this key."""
        for (owner, _), kept in reversed(self._kept.items()):
            if owner == key:
                items: list[Shape] = [*kept.now()["output"], *kept.items]
                if found := next((item for item in items if item["id"] == item_id), None):
                    return found
        return self._behind.item(key, item_id) if self._behind else None

    def conversation(self, key: str, response_id: Any) -> list[Shape]:
        """All items up to the end of that response. Raises `SandboxError` if a part of it is not kept."""
        turns: list[list[Shape]] = []
        while response_id is not None:
            kept = self.get(key, response_id) if isinstance(response_id, str) else None
            if kept is None:
                raise SandboxError(
                    f"Previous response with id '{response_id}' not found.",
                    param="previous_response_id",
                    code="previous_response_not_found",
                )
            turns.append([*kept.items, *kept.now()["output"]])
            response_id = kept.final["previous_response_id"]
        return [item for turn in reversed(turns) for item in turn]


MEMORY = Memory()
"""Of this process: ids cannot be guessed, and each is open to its key alone."""
