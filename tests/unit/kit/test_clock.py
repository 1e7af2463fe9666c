"""Time is handed in: the fake clock moves only when told, and texts of time read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit.clock import FakeClock, SystemClock, iso, parse_iso


def test_the_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(1_000.0)
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())
    wall, steady = clock.now(), clock.monotonic()
    clock.advance(2.5)
    assert (clock.now() - wall, clock.monotonic() - steady) == (2.5, 2.5)
    clock.jump(-3600)
    assert (clock.now() - wall, clock.monotonic() - steady) == (2.5 - 3600, 2.5)


def test_the_system_clock_runs_forward() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now() > 1_700_000_000


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_read_back_equal(millis: int) -> None:
    assert round(parse_iso(iso(millis / 1000)) * 1000) == millis


@pytest.mark.parametrize(
    ("text", "unix_s"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01", 1),
        ("1970-01-02", 86_400),
    ],
)
def test_texts_of_time(text: str, unix_s: float) -> None:
    assert parse_iso(text) == unix_s


@pytest.mark.parametrize("text", ["", "yesterday", "1970-13-01", "12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_iso(text)


def test_iso_is_in_utc_with_milliseconds() -> None:
    assert iso(1_795_529_622.0) == "2026-11-24T14:13:42.000Z"
