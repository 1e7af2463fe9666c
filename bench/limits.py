"""What `--gate` holds the gateway to, in one table, and the comparison with the yardstick that it judges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench import stats
from bench.points import FIGURES

By = Literal["ratio", "excess", "value"]
Rounds = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Limit:
    """`ratio`: times nginx. `excess`: more than nginx. `value`: as it is."""

    point: str
    figure: str
    by: By
    most: float

    def __str__(self) -> str:
        return {"ratio": f"≤ {self.most:g} x", "excess": f"≤ +{self.most:g}", "value": f"≤ {self.most:g}"}[
            self.by
        ]


LIMITS = (
    Limit("chat-1kb", "cpu_us", "ratio", 4.0),
    Limit("stream-20ms", "cpu_us", "ratio", 3.0),
    Limit("latency-300", "p50_ms", "excess", 0.5),
    Limit("latency-300", "p99_ms", "excess", 3.0),
    Limit("open-2000", "rss_mb", "value", 150.0),
    Limit("idle", "rss_mb", "value", 100.0),
    Limit("idle", "rss_all_mb", "value", 250.0),
    Limit("idle", "second_start_s", "value", 2.0),
)


def compare(ours: Rounds, yardstick: Rounds) -> dict[tuple[str, By], float]:
    """Each figure of ours by all the ways it can be judged."""
    found: dict[tuple[str, By], float] = {
        (name, "value"): value for name, value in stats.medians(ours).items()
    }
    for figure in FIGURES:
        pairs = stats.paired(ours, yardstick, figure.name)
        if figure.against == "ratio" and (ratio := stats.median_ratio(pairs)) is not None:
            found[figure.name, "ratio"] = ratio
        if figure.against == "excess" and (excess := stats.median_excess(pairs)) is not None:
            found[figure.name, "excess"] = excess
    return found


def broken(
    found: Mapping[str, Mapping[tuple[str, By], float]],
    points: Iterable[str],
    limits: Iterable[Limit] = LIMITS,
) -> list[str]:
    """One line a limit that does not hold. A figure that was asked for and is not there does not hold either."""
    asked = set(points)
    lines = []
    for limit in limits:
        if limit.point not in asked:
            continue
        value = found.get(limit.point, {}).get((limit.figure, limit.by))
        if value is None:
            lines.append(f"{limit.point} {limit.figure} {limit}: not measured")
        elif value > limit.most:
            lines.append(f"{limit.point} {limit.figure} {limit}: {value:.2f}")
    return lines
