"""Outlook: what a look at a task means: whether there is news, what becomes of it, and when to look again."""

import hashlib
import random
from typing import Any

import msgspec

from pronghorn.accounts.secrets import Secrets
from pronghorn.routing.load import SANDBOX
from pronghorn.tasks.family import Family
from pronghorn.tasks.view import sealed
from pronghorn.vendors.task import ENDED, Progress, State

RANKS: dict[State, int] = {
    "queued": 0,
    "waiting_input": 1,
    "running": 2,
    "succeeded": 3,
    "failed": 3,
    "cancelled": 3,
}
JITTER = 0.25
SLOWER_AFTER_S, SLOWEST_AFTER_S = 300.0, 900.0
LOOKS_A_SECOND = 500.0
"""Of one worker, whatever the number of open tasks: beyond that each is looked at less often."""
SANDBOX_PAUSE_S = 0.5
DIALOG_PAUSE_S = 60.0


class Outlook:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._open = 0

    def note_open(self, count: int) -> None:
        """How many tasks are open now."""
        self._open = count

    def pause_s(self, row: Any, family: Family, now_ms: int) -> float:
        """The older a task, and the more there are, the more rarely it is looked at."""
        if row.state == "waiting_input":
            return DIALOG_PAUSE_S
        pause_s = SANDBOX_PAUSE_S if row.channel_id == SANDBOX else family.pause_s
        age_s = (now_ms - row.created_ms) / 1000
        if age_s > SLOWER_AFTER_S:
            pause_s *= 3 if age_s > SLOWEST_AFTER_S else 2
        pause_s = max(pause_s, self._open / LOOKS_A_SECOND)
        return pause_s * self._dice.uniform(1 - JITTER, 1 + JITTER)

    def is_news(self, row: Any, progress: Progress) -> bool:
        """A state that goes backwards is no news, but for a dialog that was answered."""
        state = progress.state or row.state
        if RANKS[state] < RANKS[row.state]:
            return False
        return state in ENDED or state != row.state or digest(progress) != row.digest

    def moved(self, row: Any, progress: Progress, vault: Secrets, now_ms: int) -> dict[str, Any]:
        """Of a task that goes on: the columns that change."""
        state = progress.state or row.state
        percent = row.percent if progress.percent is None else min(progress.percent, 99)
        return {
            "state": state,
            "percent": max(row.percent, percent),
            "started_ms": row.started_ms or (now_ms if state == "running" else None),
            "data": row.data if progress.data is None else sealed(progress.data, vault),
            "digest": digest(progress),
        }


_encoder = msgspec.json.Encoder(order="deterministic")


def digest(progress: Progress) -> str:
    said = _encoder.encode((progress.state, progress.percent, progress.data))
    return hashlib.blake2b(said, digest_size=16).hexdigest()
