"""Periods: months of every length, clocks that change, and never a gap or an overlap."""

import zoneinfo
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.commerce.periods import Period, bounds

DAY_MS = 86_400_000
ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def millis(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def text(at_ms: int, zone: str = "UTC") -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).isoformat(timespec="minutes")


def begins(period: Period, started: str, zone: str, count: int) -> list[str]:
    """The beginnings of the first periods, found as a job finds them: one after the other."""
    started_ms = at_ms = millis(started, zone)
    found = []
    for _ in range(count):
        start_ms, at_ms = bounds(period, started_ms, ZoneInfo(zone), at_ms)
        found.append(text(start_ms, zone)[:16])
    return found


def test_a_month_that_has_no_such_day_ends_on_its_last_and_the_next_has_the_day_again() -> None:
    assert begins("month", "2026-01-31T09:30", "UTC", 5) == [
        *("2026-01-31T09:30", "2026-02-28T09:30", "2026-03-31T09:30", "2026-04-30T09:30", "2026-05-31T09:30")
    ]
    assert begins("month", "2027-12-30T00:00", "Asia/Shanghai", 3) == [
        *("2027-12-30T00:00", "2028-01-30T00:00", "2028-02-29T00:00")
    ]


def test_a_period_begins_at_the_same_time_of_day_whether_clocks_changed_or_not() -> None:
    assert begins("day", "2026-03-27T12:00", "Europe/Berlin", 4) == [
        f"2026-03-{day}T12:00" for day in (27, 28, 29, 30)
    ]
    start_ms, end_ms = bounds(
        "day",
        millis("2026-03-27T12:00", "Europe/Berlin"),
        ZoneInfo("Europe/Berlin"),
        millis("2026-03-29T11:00", "Europe/Berlin"),
    )
    assert end_ms - start_ms == 23 * 3_600_000
    assert begins("week", "2026-10-22T08:00", "America/New_York", 3) == [
        f"2026-{day}T08:00" for day in ("10-22", "10-29", "11-05")
    ]


def test_a_time_that_clocks_leave_out_is_as_much_later_and_comes_back_the_next_day() -> None:
    assert begins("day", "2026-03-28T02:30", "Europe/Berlin", 3) == [
        *("2026-03-28T02:30", "2026-03-29T03:30", "2026-03-30T02:30")
    ]


def test_a_day_that_an_island_left_out_is_no_period() -> None:
    """Samoa had no 30 December 2011: the periods before and after it touch."""
    found = begins("day", "2011-12-28T10:00", "Pacific/Apia", 3)
    assert found == ["2011-12-28T10:00", "2011-12-29T10:00", "2011-12-31T10:00"]


def test_the_second_of_two_equal_hours_may_be_the_beginning() -> None:
    started_ms = millis("2026-10-25T01:30")  # 02:30 in Berlin, for the second time
    start_ms, end_ms = bounds("month", started_ms, ZoneInfo("Europe/Berlin"), started_ms)
    assert start_ms == started_ms
    assert text(end_ms, "Europe/Berlin")[:16] == "2026-11-25T02:30"


@pytest.mark.parametrize("period", ["month", "week", "day"])
@given(
    zone=st.sampled_from(ZONES),
    started_ms=st.integers(0, 4_000_000_000_000),
    later_ms=st.integers(0, 5 * 366 * DAY_MS),
)
def test_each_moment_lies_in_one_period_and_the_next_begins_where_it_ends(
    period: Period, zone: str, started_ms: int, later_ms: int
) -> None:
    at_ms, in_zone = started_ms + later_ms, ZoneInfo(zone)
    start_ms, end_ms = bounds(period, started_ms, in_zone, at_ms)
    assert started_ms <= start_ms <= at_ms < end_ms
    assert bounds(period, started_ms, in_zone, start_ms) == (start_ms, end_ms)
    assert bounds(period, started_ms, in_zone, end_ms - 1) == (start_ms, end_ms)
    assert bounds(period, started_ms, in_zone, end_ms)[0] == end_ms
    longest_days = {"month": 31, "week": 7, "day": 1}[period]
    assert end_ms - start_ms <= longest_days * DAY_MS + 2 * 3_600_000


def test_what_lies_before_the_first_period_is_in_it() -> None:
    started_ms = millis("2026-05-15T00:00")
    first = bounds("month", started_ms, ZoneInfo("UTC"), started_ms)
    assert bounds("month", started_ms, ZoneInfo("UTC"), started_ms - 86_400_000) == first


@pytest.mark.nightly
def test_every_zone_has_periods_without_a_gap_over_ten_years() -> None:
    for zone in sorted(zoneinfo.available_timezones()):
        started_ms = at_ms = int(datetime(2020, 1, 31, 2, 30, tzinfo=UTC).timestamp() * 1000)
        for _ in range(120):
            start_ms, end_ms = bounds("month", started_ms, ZoneInfo(zone), at_ms)
            assert start_ms == at_ms < end_ms, zone
            at_ms = end_ms
