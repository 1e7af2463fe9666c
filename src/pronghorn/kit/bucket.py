"""A token bucket: a rate with a burst of one minute's worth, exact over any minute but the first."""


class Bucket:
    """`per_minute` units a minute. Time is handed in, in monotonic seconds."""

    __slots__ = ("_level", "_updated_s", "per_minute")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._updated_s = now_s

    def level(self, now_s: float) -> float:
        """What is left now; below zero after `take` took more than there was."""
        rate = self.per_minute / 60.0
        self._level = min(float(self.per_minute), self._level + (now_s - self._updated_s) * rate)
        self._updated_s = now_s
        return self._level

    def take(self, units: float) -> None:
        self._level -= units

    def wait_s(self, units: float) -> float:
        """Seconds from the last `level` until `units` are there."""
        return max(0.0, (units - self._level) * 60.0 / self.per_minute)

    def resize(self, per_minute: int, now_s: float) -> None:
        """Change the rate and keep what was used."""
        used = self.per_minute - self.level(now_s)
        self.per_minute = per_minute
        self._level = per_minute - used
