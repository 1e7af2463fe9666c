"""Batch: work of one kind that comes within one turn of the event loop, done together at its end.

Under load a turn brings dozens of requests and answers. The same code a dozen times in a row takes a quarter less time
than in turns with other code, for the processor has learned its way. With little load nothing waits for anything.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batch(Generic[Item]):
    """One for each event loop and kind of work. `do` takes all that has come."""

    __slots__ = ("_do", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, do: Callable[[list[Item]], None]) -> None:
        self._loop = loop
        self._do = do
        self._waiting: list[Item] = []

    def add(self, item: Item) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(item)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._do(waiting)
