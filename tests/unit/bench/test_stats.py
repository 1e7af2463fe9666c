"""Percentiles, medians and the timetable of the open loop."""

import pytest
from bench import stats


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert stats.percentile(values, 0.5) == 50
    assert stats.percentile(values, 0.99) == 99
    assert stats.percentile(values, 1.0) == 100
    assert stats.percentile([7.0], 0.99) == 7
    assert stats.percentile([1.0, 2.0, 3.0], 0.5) == 2


def test_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        stats.percentile([], 0.5)


def test_medians_are_taken_figure_by_figure() -> None:
    rounds = [{"a": 1.0, "b": 5.0}, {"a": 9.0}, {"a": 2.0, "b": 7.0}]
    assert stats.medians(rounds) == {"a": 2.0, "b": 6.0}
    assert stats.medians([]) == {}


def test_a_ratio_compares_rounds_and_not_medians() -> None:
    ours = [{"cpu": 30.0}, {"cpu": 90.0}, {"cpu": 40.0}]
    nginx = [{"cpu": 10.0}, {"cpu": 30.0}, {"cpu": 20.0}]
    assert stats.median_ratio(stats.paired(ours, nginx, "cpu")) == 3.0


def test_an_excess_is_the_median_of_the_differences() -> None:
    pairs = [(3.0, 1.0), (9.0, 1.0), (2.0, 1.0)]
    assert stats.median_excess(pairs) == 2.0


def test_nothing_is_compared_when_the_yardstick_is_missing() -> None:
    assert stats.median_ratio(stats.paired([{"cpu": 1.0}], [], "cpu")) is None
    assert stats.median_excess(stats.paired([{"cpu": 1.0}], [{}], "cpu")) is None


def test_intended_moments_do_not_drift() -> None:
    assert stats.intended(10.0, 300.0, 0) == 10.0
    assert stats.intended(10.0, 300.0, 300_000) == pytest.approx(1010.0)


def test_a_stall_makes_every_missed_request_due_at_once() -> None:
    assert stats.due(10.0, 100.0, 0, 9.99) == 0
    assert stats.due(10.0, 100.0, 0, 10.0) == 1
    assert stats.due(10.0, 100.0, 1, 10.009) == 0
    assert stats.due(10.0, 100.0, 1, 11.0) == 100
    assert stats.due(10.0, 100.0, 101, 11.0) == 0


@pytest.mark.parametrize("rate", [7.0, 300.0, 999.0])
def test_each_request_is_due_at_its_own_moment(rate: float) -> None:
    sent = 0
    for number in range(2_000):
        sent += stats.due(5.0, rate, sent, stats.intended(5.0, rate, number))
        assert sent == number + 1


def test_starts_are_spread_evenly() -> None:
    assert stats.staggered(1.0, 2.0, 4) == [1.0, 1.5, 2.0, 2.5]
    assert stats.staggered(1.0, 0.0, 2) == [1.0, 1.0]
