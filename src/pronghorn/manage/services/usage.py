"""Usage reports, as they are shown."""

import asyncio
from typing import Any

from msgspec import Struct

from pronghorn.commerce import usage
from pronghorn.commerce.timespan import By, Timespan
from pronghorn.commerce.usage import Counts, Filter, Line, Report, Split
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Time, Usd
from pronghorn.store import Tx

MONEY = ("cost", "shortfall")


class UsageCounts(Struct, kw_only=True, omit_defaults=True):
    """`input` and `output` are all tokens, the others between them and `images` are parts of these."""

    requests: int
    errors: int
    """Requests that ended otherwise than `ok` and `client_gone`."""
    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0
    images: int = 0
    seconds: int = 0
    characters: int = 0
    cost_usd: Usd
    shortfall_usd: Usd
    """Usage above holds: the operator's loss."""


class UsageLine(UsageCounts, kw_only=True):
    """One hour or day, or what of it was asked for; with `group_by`, one part of it."""

    start_at: Time
    end_at: Time
    group: str | None = None
    """What `group_by` split by; null also where there is none, such as no channel."""


class UsageGroup(UsageCounts, kw_only=True):
    """One part over all of the time."""

    group: str | None
    name: str | None = None
    """What the key, channel or account is called, or the owner's address."""


class UsageReport(Struct):
    start_at: Time
    end_at: Time
    by: By
    group_by: Split
    time_zone: str
    mode: Mode
    total: UsageCounts
    groups: list[UsageGroup]
    """The most expensive first."""
    items: list[UsageLine]
    """By time. Without `group_by` every hour or day is there, else those with requests."""


async def report(tx: Tx, timespan: Timespan, by: By, split: Split, only: Filter) -> UsageReport:
    found = await usage.report(tx, timespan, by, split, only)
    # In a thread: it may be long, and a server has other things to do.
    return await asyncio.to_thread(_view, found, timespan, by, split, only)


def _view(report: Report, timespan: Timespan, by: By, split: Split, only: Filter) -> UsageReport:
    return UsageReport(
        start_at=fields.time_text(timespan.start_ms),
        end_at=fields.time_text(timespan.end_ms),
        by=by,
        group_by=split,
        time_zone=timespan.zone.key,
        mode=only.mode,
        total=UsageCounts(**_shown(report.total)),
        groups=[] if split == "none" else [_group(report, part) for part in report.parts],
        items=[_line(line) for line in report.lines],
    )


def _group(report: Report, part: str) -> UsageGroup:
    return UsageGroup(group=part or None, name=report.names.get(part), **_shown(report.parts[part]))


def _line(line: Line) -> UsageLine:
    return UsageLine(
        start_at=fields.time_text(line.slot.start_ms),
        end_at=fields.time_text(line.slot.end_ms),
        group=line.part or None,
        **_shown(line.counts),
    )


def _shown(counts: Counts) -> dict[str, Any]:
    return {
        f"{name}_usd" if name in MONEY else name: format_usd(count) if name in MONEY else count
        for name, count in counts.items()
    }
