"""Promises: what the outside world was told, and what was only asked for, so that the books can be held to it."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Hold(NamedTuple):
    account: str
    amount: int
    server: str
    epoch: int
    windows: tuple[str, ...]
    """Of the budgets that it counts against."""

    @property
    def pots(self) -> tuple[str, ...]:
        return (self.account, *self.windows)


class Asked(NamedTuple):
    kind: str
    account: str
    amount: int


class Promises:
    """Each note is one line, which `write` takes at once: before and after whatever must not happen twice."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write
        self.born: dict[str, int] = {}
        """The newest epoch of each server."""
        self.held: dict[str, Hold] = {}
        self.settling: dict[str, int] = {}
        """Request id: what it is about to be charged."""
        self.settled: set[str] = set()
        self.refused: set[str] = set()
        """The caller was told that nothing was charged."""
        self.asked: dict[str, Asked] = {}
        """Reference: money to pay in or take out."""
        self.done: dict[str, int] = {}

        self.placing: dict[str, Hold] = {}
        """Holds in the database, as they were asked for."""
        self.resolved: dict[str, int] = {}
        """What each of them was charged."""

    def note(self, event: str, *facts: Any) -> None:
        if self._write is not None:
            self._write(json.dumps([event, *facts]) + "\n")
        getattr(self, f"_on_{event}")(*facts)

    def read(self, lines: str) -> None:
        """What another process noted; its last line may be torn."""
        for line in lines.splitlines(keepends=True):
            if line.endswith("\n"):
                event, *facts = json.loads(line)
                getattr(self, f"_on_{event}")(*facts)

    def _on_placing(
        self, id: str, account: str, amount: int, server: str, epoch: int, windows: Sequence[str]
    ) -> None:
        self.placing[id] = Hold(account, amount, server, epoch, tuple(windows))

    def _on_resolved(self, id: str, charge: int) -> None:
        assert id not in self.resolved, f"{id} was resolved twice"
        self.resolved[id] = charge

    def _on_born(self, server: str, epoch: int) -> None:
        self.born[server] = max(epoch, self.born.get(server, 0))

    def _on_held(
        self, id: str, account: str, amount: int, server: str, epoch: int, windows: Sequence[str]
    ) -> None:
        self.held[id] = Hold(account, amount, server, epoch, tuple(windows))

    def _on_settling(self, id: str, charge: int) -> None:
        self.settling[id] = charge

    def _on_settled(self, id: str) -> None:
        self.settled.add(id)

    def _on_refused(self, id: str) -> None:
        self.refused.add(id)

    def _on_asked(self, reference: str, kind: str, account: str, amount: int) -> None:
        self.asked[reference] = Asked(kind, account, amount)

    def _on_done(self, reference: str, amount: int) -> None:
        self.done[reference] = amount

    def charge(self, id: str) -> int:
        """What the caller pays: never more than the hold."""
        return min(self.settling[id], self.held[id].amount)

    def open_holds(self) -> dict[str, Hold]:
        """Of lives that are not over."""
        return {
            id: hold
            for id, hold in self.held.items()
            if id not in self.settled and id not in self.refused and hold.epoch == self.born[hold.server]
        }
