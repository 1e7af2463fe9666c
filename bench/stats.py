"""The arithmetic of the bench: percentiles, medians, ratios, and the timetable of an open loop. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the *sorted* `values` that at least `share` (0..1) of them do not exceed."""
    if not values:
        raise ValueError("no values, no percentile")
    return values[max(0, math.ceil(share * len(values)) - 1)]


def medians(rounds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Figure by figure, the median over the rounds that have it."""
    columns: dict[str, list[float]] = {}
    for figures in rounds:
        for name, value in figures.items():
            columns.setdefault(name, []).append(value)
    return {name: median(values) for name, values in columns.items()}


def paired(
    ours: Sequence[Mapping[str, float]], yardstick: Sequence[Mapping[str, float]], figure: str
) -> list[tuple[float, float]]:
    """The figure of both in each round that measured both: only figures of one round are compared."""
    pairs = zip(ours, yardstick, strict=False)
    return [(mine[figure], theirs[figure]) for mine, theirs in pairs if figure in mine and figure in theirs]


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    ratios = [mine / theirs for mine, theirs in pairs if theirs > 0]
    return median(ratios) if ratios else None


def median_excess(pairs: Sequence[tuple[float, float]]) -> float | None:
    return median(mine - theirs for mine, theirs in pairs) if pairs else None


def intended(start: float, rate: float, number: int) -> float:
    """When request `number` (from 0) is to be sent: never moved by how long the ones before it took."""
    return start + number / rate


def due(start: float, rate: float, sent: int, now: float) -> int:
    """How many requests beyond the `sent` ones should have left by `now`."""
    if now < start:
        return 0
    # A rounding error must not hold back a request whose moment has come.
    return max(0, math.floor((now - start) * rate + 1e-9) + 1 - sent)


def staggered(start: float, span: float, count: int) -> list[float]:
    """`count` moments spread evenly over `span`, so that streams do not beat in step."""
    return [start + span * number / count for number in range(count)]
