"""Calendar: hours, days and months as people in a time zone see them, as moments in milliseconds.

Between two changes of a zone's clock its offset is one number, so that a database can find the local hour or day
of a moment by whole-number arithmetic: see `Stretch`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pronghorn.errors import BadRequest
from pronghorn.kit.clock import parse_iso

QUARTER_MS = 15 * 60 * 1000
HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS
LAST_MS = 253_370_764_800_000
"""The beginning of the year 9999: a zone still finds a day after it."""
MAX_TIME_MS = 253_402_214_400_000
"""The end of the year 9999, less a day: later moments cannot be written down."""
_STEP_MS = 6 * HOUR_MS
"""No zone changes its clock twice in so short a time."""
_MONTH = re.compile(r"(20\d\d|19[7-9]\d)-(0[1-9]|1[0-2])", re.ASCII)


class Stretch(NamedTuple):
    """From `start_ms` on, until the next one, clocks are `offset_ms` ahead of UTC."""

    start_ms: int
    offset_ms: int


def zone(name: str, param: str = "time_zone") -> ZoneInfo:
    """Raises `BadRequest`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a folder of zones such as `America` is an OSError
        raise BadRequest(
            f"{param}: {name[:60]!r} is not a time zone; take a name of the IANA database such as "
            "Asia/Shanghai, or UTC",
            param=param,
        ) from error


def time_ms(text: str, param: str) -> int:
    """ISO 8601, of UTC if it says no zone. Raises `BadRequest`."""
    try:
        millis = int(parse_iso(_unescaped(text)) * 1000)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"{param} must be a time in ISO 8601, such as 2030-01-31T12:00:00Z", param=param
        ) from error
    if not 0 <= millis <= MAX_TIME_MS:
        raise BadRequest(f"{param} must lie between the years 1970 and 9999", param=param)
    return millis


def _unescaped(text: str) -> str:
    """In a query an unescaped `+` of an offset arrives as a blank."""
    return text.replace(" ", "+") if "T" in text else text


def moment_ms(text: str, param: str, in_zone: ZoneInfo) -> int:
    """ISO 8601; a day is its beginning, and what says no zone is in `in_zone`. Raises `BadRequest`."""
    text = _unescaped(text)
    try:
        moment = datetime.fromisoformat(text)
        millis = round(parse_iso(text) * 1000) if moment.tzinfo else _millis(moment.replace(tzinfo=in_zone))
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"{param} must be a day or a time in ISO 8601, such as 2026-11-01 or 2026-11-01T12:00:00Z",
            param=param,
        ) from error
    if not 0 <= millis <= LAST_MS:
        raise BadRequest(f"{param} must lie between the years 1970 and 9998", param=param)
    return millis


def month_ms(text: str, in_zone: ZoneInfo) -> tuple[int, int]:
    """The beginning of a month such as `2026-11`, and of the one after it. Raises `BadRequest`."""
    match = _MONTH.fullmatch(text)
    if match is None:
        raise BadRequest("month must be a month such as 2026-11", param="month")
    first = date(int(match[1]), int(match[2]), 1)
    after = (first + timedelta(days=31)).replace(day=1)
    return max(day_start_ms(first, in_zone), 0), day_start_ms(after, in_zone)


def month_before(now_ms: int, in_zone: ZoneInfo) -> str:
    """The last month that is over, such as `2026-10`."""
    last = local(now_ms, in_zone).date().replace(day=1) - timedelta(days=1)
    return f"{last:%Y-%m}"


def day_start_ms(day: date, in_zone: ZoneInfo) -> int:
    """Where clocks go forward at midnight, the day begins at one o'clock."""
    return _millis(datetime(day.year, day.month, day.day, tzinfo=in_zone))


def local(millis: int, in_zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC).astimezone(in_zone)


def stretches(from_ms: int, to_ms: int, in_zone: ZoneInfo) -> list[Stretch]:
    """The first begins at `from_ms`."""
    found = [Stretch(from_ms, offset_ms(from_ms, in_zone))]
    for at in range(from_ms, to_ms, _STEP_MS):
        after = min(at + _STEP_MS, to_ms)
        if offset_ms(after, in_zone) != found[-1].offset_ms:
            change = _change(at, after, in_zone)
            found.append(Stretch(change, offset_ms(change, in_zone)))
    return [stretch for stretch in found if stretch.start_ms < to_ms]


def _change(before_ms: int, after_ms: int, in_zone: ZoneInfo) -> int:
    """The first moment with another offset than `before_ms` has, which `after_ms` has."""
    old = offset_ms(before_ms, in_zone)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if offset_ms(middle, in_zone) == old:
            before_ms = middle
        else:
            after_ms = middle
    return after_ms


def offset_ms(millis: int, in_zone: ZoneInfo) -> int:
    offset = local(millis, in_zone).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
