"""Throttle: how often somebody may try in a while, such as passwords. Counted in the memory of this process."""

from collections import deque

from pronghorn.errors import LimitReached

MAX_NAMES = 50_000


class Throttle:
    """At most `tries` in any `window_s`, for each name. A try counts when it begins, so many at once count too."""

    def __init__(self, tries: int, window_s: float) -> None:
        self._tries = tries
        self._window_s = window_s
        self._begun: dict[str, deque[float]] = {}

    def take(self, now_s: float, *names: str) -> None:
        """Count one try for each name. Raises `LimitReached`, and then counts nothing."""
        for name in names:
            begun = self._recent(name, now_s)
            if len(begun) >= self._tries:
                wait_s = begun[0] + self._window_s - now_s
                raise LimitReached(
                    f"too many tries; wait {max(1, round(wait_s / 60))} minutes", retry_after_s=wait_s
                )
        for name in names:
            self._begun.setdefault(name, deque()).append(now_s)
        if len(self._begun) > MAX_NAMES:
            self._forget(now_s)

    def give_back(self, *names: str) -> None:
        """The last try was none of those that are counted."""
        for name in names:
            begun = self._begun.get(name)
            if begun:
                begun.pop()

    def clear(self, name: str) -> None:
        self._begun.pop(name, None)

    def _recent(self, name: str, now_s: float) -> deque[float]:
        begun = self._begun.get(name)
        if begun is None:
            return deque()
        while begun and begun[0] <= now_s - self._window_s:
            begun.popleft()
        return begun

    def _forget(self, now_s: float) -> None:
        """First what is over; if that is not enough, who came first: memory is bounded whoever comes."""
        for name in list(self._begun):
            if not self._recent(name, now_s):
                del self._begun[name]
        for name in list(self._begun)[: max(0, len(self._begun) - MAX_NAMES)]:
            del self._begun[name]
