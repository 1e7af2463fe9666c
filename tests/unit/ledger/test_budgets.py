"""Budgets: where periods begin and end on the clocks of a zone, and what a refused caller is told."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.routing.making import budget

from pronghorn.errors import NoCredit
from pronghorn.ledger.budgets import Period, Scope, span
from pronghorn.ledger.credit import Standing

HOUR, DAY = 3_600, 86_400
FIRST_S, LAST_S = 1_577_836_800, 2_208_988_800
"""From 2020 to 2040: budgets are for the present, not for what clocks did a century ago."""
CLOCK_PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month")


def unix_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def days_of(zone: str, first: str, count: int) -> list[tuple[str, float]]:
    """The beginning of so many days one after the other, in UTC, and their hours."""
    now_s, found = unix_s(first) + 12 * HOUR, []
    for _ in range(count):
        start_s, end_s = span("day", ZoneInfo(zone), now_s)
        found.append((datetime.fromtimestamp(start_s, UTC).isoformat()[5:16], (end_s - start_s) / HOUR))
        now_s = end_s
    return found


# Days whose clock changes


@pytest.mark.parametrize(
    ("zone", "first", "days"),
    [
        ("UTC", "2026-03-28", [("03-28T00:00", 24), ("03-29T00:00", 24)]),
        ("Europe/Berlin", "2026-03-28", [("03-27T23:00", 24), ("03-28T23:00", 23), ("03-29T22:00", 24)]),
        ("Europe/Berlin", "2026-10-24", [("10-23T22:00", 24), ("10-24T22:00", 25), ("10-25T23:00", 24)]),
        ("America/New_York", "2026-03-08", [("03-08T05:00", 23), ("03-09T04:00", 24)]),
        ("America/New_York", "2026-11-01", [("11-01T04:00", 25), ("11-02T05:00", 24)]),
        # Half an hour forward and back.
        (
            "Australia/Lord_Howe",
            "2026-04-04",
            [("04-03T13:00", 24), ("04-04T13:00", 24.5), ("04-05T13:30", 24)],
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03",
            [("10-02T13:30", 24), ("10-03T13:30", 23.5), ("10-04T13:00", 24)],
        ),
        # Midnight itself is left out: the day begins at one o'clock.
        ("America/Havana", "2026-03-07", [("03-07T05:00", 24), ("03-08T05:00", 23), ("03-09T04:00", 24)]),
        ("Asia/Beirut", "2026-03-28", [("03-27T22:00", 24), ("03-28T22:00", 23), ("03-29T21:00", 24)]),
        # Midnight comes twice: the day begins with the first, and only once.
        ("America/Havana", "2026-10-31", [("10-31T04:00", 24), ("11-01T04:00", 25), ("11-02T05:00", 24)]),
        ("Atlantic/Azores", "2026-10-24", [("10-24T00:00", 24), ("10-25T00:00", 25), ("10-26T01:00", 24)]),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone: str, first: str, days: list[tuple[str, float]]) -> None:
    assert days_of(zone, first, len(days)) == days


@pytest.mark.parametrize("minute", range(0, 180, 20))
def test_a_midnight_that_comes_twice_begins_nothing_anew(minute: int) -> None:
    """The clocks of Havana go from 01:00 back to 00:00: in the second hour it is still the same day."""
    now_s = unix_s("2026-11-01T04:00") + minute * 60
    day = (unix_s("2026-11-01T04:00"), unix_s("2026-11-02T05:00"))
    assert span("day", ZoneInfo("America/Havana"), now_s) == day
    assert span("month", ZoneInfo("America/Havana"), now_s)[0] == day[0]


# Weeks, months, hours


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"])
def test_a_week_begins_on_monday_whatever_the_clock_does(zone: str) -> None:
    now_s = unix_s("2026-01-07")
    for _ in range(60):
        start_s, end_s = span("week", ZoneInfo(zone), now_s)
        local = datetime.fromtimestamp(start_s, ZoneInfo(zone))
        assert (local.isoweekday(), local.hour, local.minute) == (1, 0, 0)
        assert abs((end_s - start_s) - 7 * DAY) <= HOUR
        now_s = end_s


def test_months_are_those_of_the_calendar() -> None:
    zone, now_s, found = ZoneInfo("Europe/Berlin"), unix_s("2027-12-31T23:30"), []
    for _ in range(14):
        start_s, end_s = span("month", zone, now_s)
        local = datetime.fromtimestamp(start_s, zone)
        assert (local.day, local.hour, local.minute) == (1, 0, 0)
        days = (datetime.fromtimestamp(end_s, zone).date() - local.date()).days
        found.append((local.strftime("%Y-%m"), days))
        now_s = end_s
    assert found[:3] == [("2028-01", 31), ("2028-02", 29), ("2028-03", 31)]
    assert found[-1] == ("2029-02", 28)


@pytest.mark.parametrize(
    ("zone", "minute"),
    [("UTC", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("America/St_Johns", 30), ("Europe/Paris", 0)],
)
def test_hours_begin_when_the_minute_hand_is_up(zone: str, minute: int) -> None:
    start_s, end_s = span("hour", ZoneInfo(zone), unix_s("2026-05-28T20:26:40"))
    assert end_s - start_s == HOUR
    assert start_s // 60 % 60 == minute
    assert datetime.fromtimestamp(start_s, ZoneInfo(zone)).minute == 0


def test_a_change_by_half_an_hour_makes_one_short_hour() -> None:
    """Lord Howe: each moment is in one window, but the hour in which the clocks change is counted in two halves."""
    zone, change_s = ZoneInfo("Australia/Lord_Howe"), unix_s("2026-10-03T15:30")
    before, after = span("hour", zone, change_s - 1), span("hour", zone, change_s)
    assert before == (change_s - HOUR, change_s)
    assert after == (change_s - HOUR // 2, change_s + HOUR // 2)


def test_all_times_are_one_window() -> None:
    zone = ZoneInfo("UTC")
    assert span("total", zone, 0) == span("total", zone, LAST_S)
    assert span("total", zone, LAST_S)[0] == 0
    everything = budget(1)
    assert (everything.resets_s(FIRST_S), everything.window(FIRST_S).start_ms) == (None, 0)


# For any zone and moment


@given(
    st.sampled_from(sorted(available_timezones())),
    st.sampled_from(CLOCK_PERIODS),
    st.floats(FIRST_S, LAST_S, allow_nan=False),
)
@example("America/Havana", "day", unix_s("2026-11-01T05:30"))
@example("Atlantic/Azores", "day", unix_s("2026-10-25T01:30"))
@example("Asia/Beirut", "day", unix_s("2026-10-24T21:30"))
@example("Africa/Casablanca", "month", unix_s("2026-02-15T02:30"))
def test_now_is_inside_and_windows_touch(name: str, period: Period, now_s: float) -> None:
    zone = ZoneInfo(name)
    start_s, end_s = span(period, zone, now_s)
    assert start_s <= now_s < end_s
    if period == "hour" and _changes_by_a_part_of_an_hour(zone, start_s, end_s):
        return  # see above: there hours overlap by name, and still each moment is in one
    assert span(period, zone, start_s) == span(period, zone, end_s - 1) == (start_s, end_s)
    assert span(period, zone, end_s)[0] == end_s
    assert span(period, zone, start_s - 1)[1] == start_s


def _changes_by_a_part_of_an_hour(zone: ZoneInfo, start_s: int, end_s: int) -> bool:
    offsets = {
        datetime.fromtimestamp(at, zone).utcoffset() for at in (start_s - HOUR, start_s, end_s, end_s + HOUR)
    }
    return len({offset % timedelta(hours=1) for offset in offsets if offset is not None}) > 1


@given(
    st.sampled_from(["Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Pacific/Apia", "Atlantic/Azores"]),
    st.integers(FIRST_S, LAST_S),
)
def test_a_day_holds_the_moments_that_its_date_names(name: str, now_s: int) -> None:
    zone = ZoneInfo(name)
    start_s, end_s = span("day", zone, now_s)
    here = datetime.fromtimestamp(now_s, zone).date()
    dates = {datetime.fromtimestamp(at, zone).date() for at in (start_s, (start_s + end_s) // 2, end_s - 1)}
    assert dates == {here}
    assert _date(zone, start_s - 1) < here < _date(zone, end_s)


def _date(zone: ZoneInfo, now_s: int) -> date:
    return datetime.fromtimestamp(now_s, zone).date()


def test_a_purse_is_that_of_the_window_in_which_a_request_came_in() -> None:
    daily = budget(1_000, period="day", time_zone="Asia/Shanghai")
    midnight_s = unix_s("2026-05-28T16:00")
    first, later = daily.purse(midnight_s - 0.001), daily.purse(midnight_s)
    assert daily.purse(midnight_s + DAY - 1) is later is not first
    assert [purse.pot.name for purse in (first, later)] == [
        f"bud_key@{(midnight_s - DAY) * 1000}",
        f"bud_key@{midnight_s * 1000}",
    ]
    assert daily.window(midnight_s + 5) == later.pot
    assert daily.resets_s(midnight_s) == midnight_s + DAY


# What a refused caller is told

STANDING = Standing(balance=0, held=30_000_000, spent=70_000_000, leased=0)
OWNERS = {"key": "this API key", "account": "this account", "group": "this group"}
WORDS = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly", "total": ""}
RESETS = {
    "hour": "2026-05-28T21:00:00.000Z",
    "day": "2026-05-28T22:00:00.000Z",
    "week": "2026-05-31T22:00:00.000Z",
    "month": "2026-05-31T22:00:00.000Z",
}


def refusal(scope: Scope, period: Period, *, free: int, standing: Standing = STANDING) -> NoCredit:
    refused = budget(100_000_000, scope=scope, period=period, time_zone="Europe/Berlin")
    return refused.refusal(standing, 5_000_000, free, unix_s("2026-05-28T20:26:40"))


@pytest.mark.parametrize("period", get_args(Period))
@pytest.mark.parametrize("scope", get_args(Scope))
@pytest.mark.parametrize("free", [0, 2_000_000])
def test_a_refusal_names_what_refuses_and_every_number(scope: Scope, period: Period, free: int) -> None:
    refused = refusal(scope, period, free=free)
    resets = {"resets_at": RESETS[period]} if period in RESETS else {}
    assert refused.detail == {
        "scope": scope,
        "period": period,
        "limit_usd": "0.10",
        "spent_usd": "0.07",
        "needed_usd": "0.005",
        "free_usd": "0.00" if not free else "0.002",
        **resets,
    }
    name = " ".join(["the", *WORDS[period].split(), "budget of", OWNERS[scope]])
    assert name in refused.message and "0.10 USD" in refused.message
    assert "ask for a higher budget" in refused.message
    assert (RESETS.get(period, "wait until") in refused.message) == (period in RESETS)
    assert (refused.status, refused.retryable) == (402, False)


def test_a_refusal_says_whether_waiting_for_open_requests_could_help() -> None:
    assert (
        "0.07 of 0.10 USD spent and 0.03 USD held for open requests" in refusal("key", "day", free=0).message
    )
    nothing_held = refusal("key", "day", free=0, standing=STANDING._replace(held=0, spent=100_000_000))
    assert "0.10 of 0.10 USD spent; ask" in nothing_held.message
    some_free = refusal("key", "day", free=2_000_000).message
    assert "can cost up to 0.005 USD and 0.002 USD of the daily budget" in some_free
    assert "lower max_tokens" in some_free
