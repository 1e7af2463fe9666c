"""Schedule: who goes on next is the seed's decision alone, so that a run can be repeated."""

import asyncio
import random
from collections.abc import Sequence

from tests.bank.plan import Freeze

QUIET_TURNS = 20
"""So many turns of the event loop pass between two of the schedule: whoever can go on without one has stopped then."""


class Schedule:
    def __init__(self, seed: int, freezes: Sequence[Freeze]) -> None:
        self._dice = random.Random(f"schedule {seed}")
        self._freezes = freezes
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._number = 0

    async def turn(self, server: int) -> None:
        """Waits until it is `server`'s turn."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((server, place))
        await place

    async def run(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Until all of them have ended. Raises what the first of them raises."""
        while True:
            for _ in range(QUIET_TURNS):
                await asyncio.sleep(0)
            for task in tasks:
                if task.done() and task.exception():
                    task.result()
            if all(task.done() for task in tasks):
                return
            self._next()

    def _next(self) -> None:
        """A server under SIGSTOP has no turns, unless nobody else is left."""
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]
        assert self._waiting, "everybody waits for somebody else"
        self._number += 1
        ready = [waiting for waiting in self._waiting if not self._is_frozen(waiting[0])] or self._waiting
        chosen = self._dice.choice(ready)
        self._waiting.remove(chosen)
        chosen[1].set_result(None)

    def _is_frozen(self, server: int) -> bool:
        return any(
            freeze.server == server and freeze.at <= self._number < freeze.at + freeze.turns
            for freeze in self._freezes
        )
