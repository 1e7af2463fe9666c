"""Latency: how long a channel takes to begin an answer, by a moving average that believes bad news at once.

The idea is Finagle's "Peak EWMA": a peak counts whole, and wears off; what is better counts little by little.
"""

from math import exp

DECAY_S = 10.0
"""After this long without news a third of the old value is left."""


class Latency:
    __slots__ = ("_at_s", "_value_s")

    def __init__(self) -> None:
        self._value_s = 0.0
        self._at_s = 0.0

    def observe(self, seconds: float, now_s: float) -> None:
        if seconds >= self._value_s:
            self._value_s = seconds
        else:
            old = exp(-max(now_s - self._at_s, 0.0) / DECAY_S)
            self._value_s = self._value_s * old + seconds * (1.0 - old)
        self._at_s = now_s

    def value_s(self, now_s: float) -> float:
        """Without news it wears off, so that a channel that was slow once is asked again some day."""
        if now_s - self._at_s < 1.0:
            return self._value_s
        return self._value_s * exp(-max(now_s - self._at_s, 0.0) / (6 * DECAY_S))
