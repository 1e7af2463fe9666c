"""Periods: when those of a subscription begin and end, counted from its first moment on the clocks of its zone.

A month ends on the day of the month on which the first one began, or on the month's last day where it has no such
day: 31 January, 28 February, 31 March.
"""

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pronghorn.commerce import calendar

Period = Literal["month", "week", "day"]

_DAYS = {"week": 7, "day": 1}


def bounds(period: Period, started_ms: int, zone: ZoneInfo, at_ms: int) -> tuple[int, int]:
    """Beginning and end of the period in which `at_ms` lies: the first one for what lies before it."""
    number = max(0, _about(period, started_ms, zone, at_ms) - 1)
    while (end_ms := _boundary(period, started_ms, zone, number + 1)) <= at_ms:
        number += 1
    return _boundary(period, started_ms, zone, number), end_ms


def _about(period: Period, started_ms: int, zone: ZoneInfo, at_ms: int) -> int:
    """Which one it is, or the one after it."""
    first, there = calendar.local(started_ms, zone), calendar.local(max(at_ms, started_ms), zone)
    if period == "month":
        return (there.year - first.year) * 12 + there.month - first.month
    return (there.date() - first.date()).days // _DAYS[period]


def _boundary(period: Period, started_ms: int, zone: ZoneInfo, number: int) -> int:
    """Where the period `number` begins. A time that a changing clock leaves out is as much later."""
    if not number:
        return started_ms
    # A whole second there and the rest beside it: a float would not hold both.
    second, rest_ms = divmod(started_ms, 1000)
    first = calendar.local(second * 1000, zone)
    is_month = period == "month"
    begins = _months_later(first, number) if is_month else first + timedelta(number * _DAYS[period])
    return int(begins.replace(fold=0).timestamp()) * 1000 + rest_ms


def _months_later(first: datetime, number: int) -> datetime:
    years, month = divmod(first.month - 1 + number, 12)
    year = first.year + years
    return first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))
