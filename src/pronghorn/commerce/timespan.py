"""Timespan: which time a report is about, and the hours or days in it as its time zone has them."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, literal

from pronghorn.commerce import calendar
from pronghorn.commerce.calendar import DAY_MS, HOUR_MS, QUARTER_MS, Stretch
from pronghorn.errors import BadRequest

By = Literal["hour", "day"]

LONGEST_DAYS: dict[By, int] = {"hour": 32, "day": 400}
USUAL_DAYS = 30


class Timespan(NamedTuple):
    """`start_ms` is inside, `end_ms` outside; both lie on a quarter of an hour."""

    start_ms: int
    end_ms: int
    zone: ZoneInfo

    def stretches(self) -> list[Stretch]:
        return calendar.stretches(*self)


class Slot(NamedTuple):
    """An hour or a day, or what of it lies in the timespan."""

    start_ms: int
    end_ms: int


def asked(from_: str | None, to: str | None, by: By, time_zone: str, now_ms: int) -> Timespan:
    """For a report. Without `to` until now, without `from_` a day by the hour or 30 days. Raises `BadRequest`."""
    zone = calendar.zone(time_zone)
    end_ms = _now(by, zone, now_ms) if to is None else _quarter(to, "to", zone)
    start_ms = _usual_start(by, zone, end_ms) if from_ is None else _quarter(from_, "from", zone)
    return _checked(Timespan(start_ms, end_ms, zone), LONGEST_DAYS[by])


def asked_for_export(from_: str | None, to: str | None, now_ms: int, *, by_quarter: bool) -> Timespan:
    """In UTC; without `to` until now, without `from_` 30 days. Raises `BadRequest`."""
    zone = calendar.zone("UTC")
    read = _quarter if by_quarter else calendar.moment_ms
    end_ms = _now("day", zone, now_ms) if to is None else read(to, "to", zone)
    start_ms = _usual_start("day", zone, end_ms) if from_ is None else read(from_, "from", zone)
    return _checked(Timespan(start_ms, end_ms, zone), LONGEST_DAYS["day"])


def _checked(found: Timespan, most_days: int) -> Timespan:
    if found.start_ms >= found.end_ms:
        raise BadRequest("from must lie before to", param="from")
    if found.end_ms - found.start_ms > most_days * DAY_MS:
        raise BadRequest(
            f"from: between from and to lie at most {most_days} days here; ask for a part at a time",
            param="from",
        )
    return found


def _quarter(text: str, param: str, zone: ZoneInfo) -> int:
    millis = calendar.moment_ms(text, param, zone)
    if millis % QUARTER_MS:
        raise BadRequest(f"{param} must lie on a quarter of an hour, such as 12:15", param=param)
    return millis


def _now(by: By, zone: ZoneInfo, now_ms: int) -> int:
    """The end of the hour or day that is now."""
    if by == "day":
        return calendar.day_start_ms(calendar.local(now_ms, zone).date() + timedelta(days=1), zone)
    here = Stretch(now_ms, calendar.offset_ms(now_ms, zone))
    return _hour(now_ms, here) + HOUR_MS


def _usual_start(by: By, zone: ZoneInfo, end_ms: int) -> int:
    if by == "hour":
        return max(end_ms - DAY_MS, 0)
    first = calendar.local(end_ms - 1, zone).date() - timedelta(days=USUAL_DAYS - 1)
    return max(calendar.day_start_ms(first, zone), 0)


def slots(timespan: Timespan, by: By) -> dict[int, Slot]:
    """All hours or days of the timespan in order, by the number that `place` gives to moments in them."""
    return _days(timespan) if by == "day" else _hours(timespan)


def _days(timespan: Timespan) -> dict[int, Slot]:
    first = calendar.local(timespan.start_ms, timespan.zone).date()
    count = (calendar.local(timespan.end_ms - 1, timespan.zone).date() - first).days + 1
    days = [first + timedelta(days=number) for number in range(count + 1)]
    edges = [
        min(max(calendar.day_start_ms(day, timespan.zone), timespan.start_ms), timespan.end_ms)
        for day in days
    ]
    return {
        _wall_midnight(day): Slot(start_ms, end_ms)
        for day, start_ms, end_ms in zip(days, edges, edges[1:], strict=False)
    }


def _wall_midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _hours(timespan: Timespan) -> dict[int, Slot]:
    """Where the clock changes, an hour ends and another one begins: a repeated hour is there twice."""
    stretches = timespan.stretches()
    ends = [*(stretch.start_ms for stretch in stretches[1:]), timespan.end_ms]
    return {
        hour: Slot(max(hour, stretch.start_ms), min(hour + HOUR_MS, end_ms))
        for stretch, end_ms in zip(stretches, ends, strict=True)
        for hour in range(_hour(stretch.start_ms, stretch), end_ms, HOUR_MS)
    }


def _hour(millis: int, stretch: Stretch) -> int:
    """When the local hour of a moment began, had the clock not changed in it."""
    return millis - (millis + stretch.offset_ms) % HOUR_MS


def place(moment: ColumnElement[int], timespan: Timespan, by: By) -> ColumnElement[int]:
    """The hour or day of a moment, for the database: a key of `slots`."""
    stretches = timespan.stretches()
    offset: ColumnElement[int] = literal(stretches[0].offset_ms)
    if len(stretches) > 1:
        later = [(moment >= stretch.start_ms, stretch.offset_ms) for stretch in reversed(stretches[1:])]
        offset = case(*later, else_=stretches[0].offset_ms)
    wall = moment + offset
    return wall - wall % DAY_MS if by == "day" else moment - wall % HOUR_MS
