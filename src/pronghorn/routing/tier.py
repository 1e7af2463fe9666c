"""A tier: channels of one priority, and in which order they are asked.

The first choice costs one draw and one search whatever the number of channels; the others are only put in order
once the first has failed. A conversation stays where its prompt is cached: its affinity names a place on a ring.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING

from pronghorn.routing.route import Policy

if TYPE_CHECKING:
    from pronghorn.routing.snapshot import Channel

POINTS_PER_WEIGHT = 40
TRIES = 4
"""To draw a second one that is not the first."""
MAX_POINTS = 4_000
"""On the ring of one tier: more weights than that share them."""
_RING = 1 << 64


class Tier:
    """Made once for each snapshot, model and group; never changed."""

    __slots__ = ("_cumulative", "_owners", "_points", "_reserve", "_score", "_weighted", "channels")

    def __init__(self, channels: Sequence["Channel"], policy: Policy = "weight") -> None:
        """`price` is no matter of one tier: dearer channels are in a later one."""
        self.channels = tuple(channels)
        self._weighted = [channel for channel in channels if channel.weight]
        self._reserve = [channel for channel in channels if not channel.weight]
        # Floats, as the draw is one: a search that compares two kinds of number takes nearly twice as long.
        self._cumulative = list(accumulate(float(channel.weight) for channel in self._weighted))
        self._points: list[int] | None = None
        self._owners: list[Channel] = []
        self._score = _SCORES.get(policy)

    def order(self, affinity: int | None, now_s: float) -> Iterator["Channel"]:
        """All of them, best first. What has just healed comes first only in a part of the cases."""
        if len(self.channels) == 1:
            yield self.channels[0]
            return
        late = []
        for channel in self._preferred(affinity, now_s):
            share = channel.vitals.channel.share(now_s)
            if share < 1.0 and random.random() >= share:
                late.append(channel)
            else:
                yield channel
        yield from late
        yield from random.sample(self._reserve, len(self._reserve))

    def _preferred(self, affinity: int | None, now_s: float) -> Iterator["Channel"]:
        if affinity is not None:
            return self._by_affinity(affinity)
        return self._by_weight(now_s) if self._weighted else iter(())

    def _by_weight(self, now_s: float) -> Iterator["Channel"]:
        chosen = self._drawn()
        score = self._score
        if score is not None and len(self._weighted) > 1:
            # Of two that were drawn the better one: the best of all would be everybody's choice at once.
            for _ in range(TRIES):
                other = self._drawn()
                if other is not chosen:
                    chosen = other if score(other, now_s) < score(chosen, now_s) else chosen
                    break
        yield chosen
        others = [channel for channel in self._weighted if channel is not chosen]
        yield from sorted(others, key=_draw, reverse=True)

    def _drawn(self) -> "Channel":
        # The product is below the total however it is rounded, so it always falls to one of them.
        return self._weighted[bisect_right(self._cumulative, random.random() * self._cumulative[-1])]

    def _by_affinity(self, affinity: int) -> Iterator["Channel"]:
        """Round the ring from the place of the conversation: each channel where it is met first."""
        if self._points is None:
            self._make_ring()
        assert self._points is not None
        start = bisect_right(self._points, affinity)
        count, met = len(self._points), set()
        for step in range(count):
            channel = self._owners[(start + step) % count]
            if channel.id not in met:
                met.add(channel.id)
                yield channel
                if len(met) == len(self._weighted):
                    return

    def _make_ring(self) -> None:
        total = self._cumulative[-1] if self._cumulative else 0
        scale = min(POINTS_PER_WEIGHT, MAX_POINTS / total) if total else 0
        ring = [
            (place_of(f"{channel.id}/{number}"), channel)
            for channel in self._weighted
            for number in range(max(1, round(channel.weight * scale)))
        ]
        ring.sort(key=lambda point: point[0])
        self._points = [place for place, _ in ring]
        self._owners = [channel for _, channel in ring]


def place_of(text: str | bytes) -> int:
    """The same on every server of a fleet."""
    data = text.encode() if isinstance(text, str) else text
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def _latency(channel: "Channel", now_s: float) -> float:
    """What a call more would wait there, by what was seen of late. Nothing seen: it is worth a look."""
    vitals = channel.vitals
    return vitals.latency.value_s(now_s) * (vitals.channel.open_calls + 1)


def _load(channel: "Channel", now_s: float) -> float:
    return channel.vitals.channel.open_calls / channel.weight


_SCORES: dict[Policy, Callable[["Channel", float], float]] = {"latency": _latency, "load": _load}


def _draw(channel: "Channel") -> float:
    """A channel of weight 2 comes twice as often before the others."""
    return float(random.random() ** (1.0 / channel.weight))
