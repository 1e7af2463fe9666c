"""The bucket keeps its rate, whatever the pattern of requests, and a new rate forgets no use."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit.bucket import Bucket


def _taken(per_minute: int, times: list[float], *, empty_at_first: bool) -> list[float]:
    """When one unit was given, for a caller that asks at `times`."""
    bucket = Bucket(per_minute, 0.0)
    if empty_at_first:
        bucket.level(0.0)
        bucket.take(per_minute)
    given_at = []
    for now in times:
        if bucket.level(now) >= 1.0:
            bucket.take(1.0)
            given_at.append(now)
    return given_at


def _most_in_a_minute(times: list[float]) -> int:
    return max((bisect_left(times, start + 60) - i for i, start in enumerate(times)), default=0)


steps = st.lists(st.floats(0, 30, allow_nan=False), max_size=150)


@given(per_minute=st.integers(1, 300), waits=steps)
def test_no_more_than_a_burst_and_the_rate_ever_since(per_minute: int, waits: list[float]) -> None:
    times = [sum(waits[:i]) for i in range(len(waits))]
    given_at = _taken(per_minute, times, empty_at_first=False)
    for first in range(len(given_at)):
        for last in range(first, len(given_at)):
            passed = given_at[last] - given_at[first]
            assert last - first + 1 <= per_minute * (1 + passed / 60) + 1e-6


@pytest.mark.parametrize("per_minute", [1, 7, 60, 500])
@pytest.mark.parametrize("step", [0.05, 0.3, 1.0])
def test_after_the_burst_no_minute_has_more_than_the_limit(per_minute: int, step: float) -> None:
    times = [i * step for i in range(int(200 / step))]
    given_at = _taken(per_minute, times, empty_at_first=True)
    assert _most_in_a_minute(given_at) <= per_minute + 1  # the one at each end of the minute
    assert len(given_at) >= min(per_minute * 3, len(times)) * 0.9  # and the rate is really given


def test_a_long_pause_gives_one_burst_and_no_more() -> None:
    bucket = Bucket(60, 0.0)
    bucket.take(60)
    assert bucket.level(10_000.0) == 60.0


@pytest.mark.parametrize(("taken", "units", "wait_s"), [(0, 1, 0), (60, 1, 1), (60, 60, 60), (90, 1, 31)])
def test_wait_says_when_to_come_back(taken: int, units: int, wait_s: float) -> None:
    bucket = Bucket(60, 0.0)
    bucket.level(0.0)
    bucket.take(taken)
    assert bucket.wait_s(units) == pytest.approx(wait_s)
    assert bucket.level(wait_s) >= units - 1e-9


@given(
    old=st.integers(1, 10_000), new=st.integers(1, 10_000), used=st.integers(0, 10_000), at=st.floats(0, 60)
)
def test_resize_keeps_what_was_used(old: int, new: int, used: int, at: float) -> None:
    bucket = Bucket(old, 0.0)
    bucket.take(used)
    still_used = old - bucket.level(at)
    bucket.resize(new, at)
    assert bucket.per_minute == new
    assert new - bucket.level(at) == pytest.approx(still_used)


def test_resizing_again_and_again_gives_nothing_away() -> None:
    bucket = Bucket(10, 0.0)
    bucket.take(10)
    for _ in range(50):
        bucket.resize(1_000, 0.0)
        bucket.resize(10, 0.0)
    assert bucket.level(0.0) == pytest.approx(0.0)
