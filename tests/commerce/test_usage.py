"""Usage: every report is what plain Python counts, however requests, postings and workers interleave."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from sqlalchemy import func, select
from tests.commerce import traffic as traffic_module
from tests.commerce.traffic import FROM_MS, PART, TO_MS, Traffic, counts, local_day, local_hour, open_accounts
from tests.store.test_posting import Crash, Fragile

from pronghorn.commerce import rollup, timespan, usage
from pronghorn.commerce.timespan import By, Timespan
from pronghorn.commerce.usage import Filter, Report, Split
from pronghorn.errors import BadRequest
from pronghorn.ledger.journal import Record
from pronghorn.store import Database
from pronghorn.store.models import Entry, Request, UsageCount

ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
NOW_MS = TO_MS
SEEDS = range(4)
HOUR_MS = 3_600_000


@pytest.fixture
async def traffic(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Traffic]:
    await open_accounts(database)
    seed = request.node.callspec.params.get("seed", 0)
    traffic = Traffic(tmp_path, seed)
    yield traffic
    traffic.close()


def asked(by: By, zone: str, from_: str = "2026-10-20", to: str = "2026-11-05") -> Timespan:
    return timespan.asked(from_, to, by, zone, NOW_MS)


async def report(
    database: Database, within: Timespan, by: By = "day", split: Split = "none", only: Filter | None = None
) -> Report:
    async with database.read() as tx:
        return await usage.report(tx, within, by, split, only or Filter())


def shown(report: Report, by: By, zone: str) -> dict[tuple[str, str], dict[str, int]]:
    """By the hour or day on the wall and by part; what is not zero."""
    name = local_day if by == "day" else local_hour
    lines = {(name(line.slot.start_ms, zone), line.part): line.counts for line in report.lines}
    assert len(lines) == len(report.lines)
    filled = {at: {word: n for word, n in line.items() if n} for at, line in lines.items()}
    return {at: line for at, line in filled.items() if line}


def recount(
    records: list[Record], within: Timespan, by: By, split: Split, only: Filter
) -> dict[tuple[str, str], dict[str, int]]:
    name, zone = local_day if by == "day" else local_hour, within.zone.key
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        is_in = within.start_ms <= record.created_ms < within.end_ms
        if is_in and all(getattr(record, field) == value for field, value in only._asdict().items() if value):
            found[name(record.created_ms, zone), PART[split](record)].append(record)
    return {at: counts(several) for at, several in found.items()}


async def assert_reports_are_right(database: Database, records: list[Record], chosen: Any) -> None:
    zone, by = chosen.choice(ZONES), cast(By, chosen.choice(("hour", "day")))
    within = asked(by, zone)
    for split in get_args(Split):
        only = chosen.choice(
            [
                Filter(),
                Filter("test"),
                Filter(account_id="acc_1"),
                Filter(key_id="key_3"),
                Filter(model="gpt-4o"),
            ]
        )
        found = await report(database, within, by, split, only)
        wanted = recount(records, within, by, split, only)
        assert shown(found, by, zone) == wanted
        total = counts(record for record in records if _is_meant(record, within, only))
        assert {name: count for name, count in found.total.items() if count} == total
        by_part = usage.added(found.parts.values())
        assert by_part == found.total


def _is_meant(record: Record, within: Timespan, only: Filter) -> bool:
    is_in = within.start_ms <= record.created_ms < within.end_ms
    return is_in and all(getattr(record, field) == value for field, value in only._asdict().items() if value)


@pytest.mark.parametrize("seed", SEEDS)
async def test_reports_equal_a_recount_whatever_happens_in_which_order(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Two workers post and count, at the same moment and in turn, while others read."""
    monkeypatch.setattr(rollup, "BATCH", 7)
    chosen, other = traffic.random, Database(database.url)
    for _ in range(8):
        traffic.send(chosen.randrange(1, 30))
        await traffic.post(chosen.choice((database, other)))
        await assert_reports_are_right(database, traffic.records, chosen)
        await asyncio.gather(
            *(rollup.run(chosen.choice((database, other))) for _ in range(chosen.randrange(3))),
            assert_reports_are_right(other, list(traffic.records), chosen),
        )
        await assert_reports_are_right(database, traffic.records, chosen)
    await other.close()
    await assert_the_ledger_agrees(database, traffic.records)


async def assert_the_ledger_agrees(database: Database, records: list[Record]) -> None:
    """Report, log and charge entries: three sums of one thing, for each mode."""
    for mode in ("live", "test"):
        found = await report(database, asked("day", "UTC"), only=Filter(cast(Any, mode)))
        async with database.read() as tx:
            is_mode = Request.mode == mode
            in_log = await tx.scalar(select(func.sum(Request.cost)).where(is_mode))
            charges = select(func.sum(Entry.amount)).where(Entry.kind == "charge", Entry.mode == mode)
            in_ledger = await tx.scalar(charges)
        assert found.total["cost"] == in_log == in_ledger
        assert found.total["cost"] > 0


async def test_two_workers_at_once_count_each_row_once(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BATCH", 20)
    other = Database(database.url)
    traffic.send(400, created_ms=FROM_MS)
    await traffic.post(database)
    counted = await asyncio.gather(*(rollup.run(each) for each in (database, other, database, other)))
    assert sum(counted) == 400
    async with database.read() as tx:
        sums = select(func.sum(UsageCount.requests), func.sum(UsageCount.cost), func.sum(UsageCount.input))
        requests, cost, tokens = (await tx.execute(sums)).one()
    assert requests == 400
    assert cost == sum(record.charge for record in traffic.records)
    assert tokens == sum(record.usage.input for record in traffic.records)
    await other.close()


async def test_a_crash_at_every_operation_repeats_and_forgets_nothing(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BATCH", 5)
    for fail_at in range(1, 30):
        traffic.send(5)
        await traffic.post(database)
        fragile = Fragile(database, fail_at)
        try:
            await rollup.run(cast(Database, fragile))
        except Crash:
            assert fragile.is_spent
        await assert_reports_are_right(database, traffic.records, traffic.random)
    assert not fragile.is_spent, "the last ones did not crash"
    async with database.read() as tx:
        total = await tx.scalar(select(func.sum(UsageCount.requests)))
    assert total == len(traffic.records)


async def test_a_clock_that_goes_back_hides_no_request(database: Database, traffic: Traffic) -> None:
    traffic.send(5)
    await traffic.post(database)
    assert await rollup.run(database) == 5
    traffic_module.CLOCK.jump(-7 * 86_400)
    traffic.send(5)
    await traffic.post(database)
    traffic_module.CLOCK.jump(7 * 86_400)
    assert await rollup.run(database) == 5
    assert await rollup.run(database) == 0


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-03-29", 23),
        ("America/New_York", "2026-11-01", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/Santiago", "2026-09-06", 23),  # clocks go forward at midnight: the day begins at one
        ("Asia/Kolkata", "2026-10-25", 24),
        ("Asia/Kathmandu", "2026-10-25", 24),
    ],
)
async def test_a_day_has_as_many_hours_as_on_the_wall(
    database: Database, traffic: Traffic, zone: str, day: str, hours: int
) -> None:
    after = f"{day[:-2]}{int(day[-2:]) + 1:02}"
    within = asked("hour", zone, day, after)
    for half_hour in range(within.start_ms + 1, within.end_ms, HOUR_MS // 2):
        traffic.send(1, created_ms=half_hour, mode="live")
    traffic.send(1, created_ms=within.start_ms - 1, mode="live")
    traffic.send(1, created_ms=within.end_ms, mode="live")
    await traffic.post(database)
    await rollup.run(database)
    found = await report(database, within, "hour")
    assert [line.counts["requests"] for line in found.lines] == [2] * hours
    (whole,) = (await report(database, asked("day", zone, day, after))).lines
    assert whole.counts["requests"] == 2 * hours
    assert (whole.slot.end_ms - whole.slot.start_ms) == hours * HOUR_MS


async def test_a_clock_that_is_moved_by_half_an_hour_makes_a_short_hour(
    database: Database, traffic: Traffic
) -> None:
    within = asked("hour", "Australia/Lord_Howe", "2026-04-05", "2026-04-06")
    found = await report(database, within, "hour")
    lengths = [(line.slot.end_ms - line.slot.start_ms) // 60_000 for line in found.lines]
    assert lengths == [60, 60, 30, *[60] * 22]


async def test_every_hour_is_there_without_a_split_and_only_those_with_requests_with_one(
    database: Database, traffic: Traffic
) -> None:
    traffic.send(1, created_ms=FROM_MS, mode="live")
    await traffic.post(database)
    within = asked("hour", "UTC", "2026-10-20", "2026-10-21")
    assert len((await report(database, within, "hour")).lines) == 24
    assert len((await report(database, within, "hour", "model")).lines) == 1


async def test_parts_have_names_as_far_as_they_are_there(database: Database, traffic: Traffic) -> None:
    traffic.send(60)
    await traffic.post(database)
    within = asked("day", "UTC")
    assert (await report(database, within, split="key")).names["key_1"] == "name of key_1"
    assert (await report(database, within, split="channel")).names == {"chn_1": "main"}
    assert (await report(database, within, split="user")).names == {
        "usr_1": "usr_1@example.com",
        "usr_2": "usr_2@example.com",
    }
    costs = [part["cost"] for part in (await report(database, within, split="key")).parts.values()]
    assert costs == sorted(costs, reverse=True)


async def test_a_report_that_nobody_could_read_is_refused(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_LINES", 3)
    traffic.send(40)
    await traffic.post(database)
    with pytest.raises(BadRequest) as refused:
        await report(database, asked("day", "UTC"), split="model")
    assert refused.value.param == "group_by"


def test_without_bounds_it_is_the_last_day_or_the_last_30_days() -> None:
    for zone in ZONES:
        by_hour = timespan.asked(None, None, "hour", zone, NOW_MS + 1)
        by_day = timespan.asked(None, None, "day", zone, NOW_MS + 1)
        assert by_hour.end_ms - by_hour.start_ms == 24 * HOUR_MS
        assert len(timespan.slots(by_day, "day")) == 30
        for each in (by_hour, by_day):
            assert each.start_ms < NOW_MS < each.end_ms <= NOW_MS + 24 * HOUR_MS


@pytest.mark.parametrize("zone", [*ZONES, "Pacific/Apia", "Africa/Casablanca", "America/St_Johns"])
def test_slots_follow_each_other_without_a_gap(zone: str) -> None:
    for by, from_, to in (("hour", "2026-03-01", "2026-04-02"), ("day", "2026-01-01", "2027-01-01")):
        within = timespan.asked(from_, to, cast(By, by), zone, NOW_MS)
        slots = list(timespan.slots(within, cast(By, by)).values())
        edges = [slot.start_ms for slot in slots] + [within.end_ms]
        assert edges[0] == within.start_ms
        assert [(slot.start_ms, slot.end_ms) for slot in slots] == list(pairwise(edges))
        assert all(slot.start_ms < slot.end_ms for slot in slots)
