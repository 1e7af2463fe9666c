"""Strict: the rule of allowances written down a second time, without leases, journals or jobs.

Money that leaves uses the allowance that ends first, then the account's own; an allowance is gone the millisecond
it ends, and a clock that goes back does not bring it back.
"""

from collections.abc import Iterable
from typing import Any

Name = tuple[str, int]


class Strict:
    def __init__(self) -> None:
        self.own = 0
        self._left: dict[Name, int] = {}
        self._end_ms: dict[Name, int] = {}

    @property
    def total(self) -> int:
        return self.own + sum(self._left.values())

    def see(self, rows: Iterable[Any], now_ms: int) -> None:
        """The rows say which periods have begun, and when they end."""
        for row in rows:
            name = (row.subscription_id, row.start_ms)
            if name not in self._end_ms:
                self._left[name] = row.amount
            self._end_ms[name] = row.end_ms
        for name in list(self._left):
            if self._end_ms[name] <= now_ms:
                del self._left[name]

    def take(self, amount: int) -> None:
        for name in sorted(self._left, key=lambda name: (self._end_ms[name], name[1], name[0])):
            part = min(amount, self._left[name])
            self._left[name] -= part
            amount -= part
        # What had ended but was not taken back yet may be spent, too: the model has it no more.
        self.own = max(0, self.own - amount)
