"""The gate, the figures of a round, and the table."""

import io

import pytest
from bench import limits, points, report
from bench.jobs import Outcome
from bench.limits import Limit
from bench.run import Results
from rich.console import Console

TWICE = Limit("chat-1kb", "cpu_us", "ratio", 2.0)
POINT = {point.name: point for point in points.POINTS}


def judge(ours: float, nginx: float) -> list[str]:
    found = {"chat-1kb": limits.compare([{"cpu_us": ours}], [{"cpu_us": nginx}])}
    return limits.broken(found, ["chat-1kb"], [TWICE])


def test_a_limit_holds_up_to_its_value() -> None:
    assert judge(40.0, 20.0) == []
    assert judge(40.2, 20.0) == ["chat-1kb cpu_us ≤ 2 x: 2.01"]


def test_what_was_not_asked_for_is_not_judged() -> None:
    assert limits.broken({}, ["idle"], [TWICE]) == []


def test_what_was_asked_for_and_is_missing_breaks_the_gate() -> None:
    without_yardstick = {"chat-1kb": limits.compare([{"cpu_us": 40.0}], [])}
    assert limits.broken(without_yardstick, ["chat-1kb"], [TWICE]) == ["chat-1kb cpu_us ≤ 2 x: not measured"]


def test_every_limit_names_a_point_and_a_figure_that_exist() -> None:
    against = {figure.name: figure.against for figure in points.FIGURES}
    for limit in limits.LIMITS:
        assert limit.point in POINT
        assert limit.by == "value" or limit.by == against[limit.figure]


def test_only_takes_the_groups_asked_for_in_the_order_of_the_run() -> None:
    assert [point.name for point in points.chosen(["latency", "idle"])] == ["idle", "latency-300"]
    assert points.chosen(points.GROUPS) == list(points.POINTS)


def test_companions_are_told_apart_from_the_server() -> None:
    outcome = Outcome(seconds=2.0, requests=1000, cpu_s={"server": 0.06, "worker": 0.01})
    assert points.figures(POINT["chat-1kb"], outcome) == pytest.approx(
        {"per_s": 500.0, "cpu_us": 60.0, "worker_us": 10.0, "busy": 0.03}
    )


def test_a_stream_is_counted_by_its_chunks() -> None:
    outcome = Outcome(
        seconds=1.0, requests=2, chunks=100, cpu_s={"server": 0.002}, chunk_ms={"p50": 0.1, "p99": 0.9}
    )
    found = points.figures(POINT["stream-20ms"], outcome)
    assert found["cpu_us"] == pytest.approx(20.0)
    assert found["p99_ms"] == 0.9
    assert "p50_ms" not in points.figures(POINT["stream-flood"], outcome)


def test_the_table_shows_medians_comparison_and_verdict() -> None:
    rounds = {
        "nginx": [{"cpu_us": 20.0}] * 3,
        "pronghorn": [{"cpu_us": value} for value in (60.0, 100.0, 110.0)],
    }
    shown = io.StringIO()
    console = Console(width=140, file=shown)
    console.print(report.table([POINT["chat-1kb"]], ["nginx", "pronghorn"], Results({"chat-1kb": rounds})))
    row = next(line for line in shown.getvalue().splitlines() if "CPU" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "chat, 1 KB", "CPU µs each", "20.0", "100.0", "5.00 x", "≤ 4 x broken",
    ]  # fmt: skip
