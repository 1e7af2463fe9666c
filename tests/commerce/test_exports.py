"""Exports: every row once, exact, in files that spreadsheets show and never run; and memory stays where it was."""

import csv
import io
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import JSON, BigInteger, String, cast, insert, literal, select
from tests.commerce.traffic import FROM_MS, TO_MS, Traffic, counts, open_accounts

from pronghorn.commerce import exports, rollup, timespan
from pronghorn.commerce.export_columns import ENTRIES, REQUESTS, USAGE, Column
from pronghorn.commerce.export_csv import BOM, CsvFile
from pronghorn.commerce.exports import Export, Kind
from pronghorn.errors import BadRequest
from pronghorn.ledger.journal import Record
from pronghorn.store import Database
from pronghorn.store.models import Entry, Request

COLUMNS: dict[str, list[Column]] = {"requests": REQUESTS, "entries": ENTRIES, "usage": USAGE}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
ALL = timespan.asked_for_export("2026-09-01", "2026-11-05", TO_MS, by_quarter=True)
HOUR_MS = 3_600_000


@pytest.fixture
async def traffic(database: Database, tmp_path: Path) -> AsyncIterator[Traffic]:
    """Half of it is counted."""
    await open_accounts(database, note="=1+1, \r\n'quoted' \"twice\"")
    traffic = Traffic(tmp_path, 11)
    for _ in range(2):
        await rollup.run(database)
        traffic.send(60)
        await traffic.post(database)
    yield traffic
    traffic.close()


async def file_of(database: Database, kind: Kind, format: Any = "csv", **more: Any) -> bytes:
    export = Export(kind, more.pop("timespan", ALL), format, **more)
    return b"".join([piece async for piece in exports.pieces(database.read, export)])


def rows_of(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def unescaped(cell: str) -> str:
    """As the documents say: an apostrophe before what would begin a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def in_csv(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.content == "usd":
        return f"{Decimal(value).scaleb(-9):f}"
    if column.content == "time":
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value).lower() if column.content == "flag" else str(value)


async def stored(database: Database, table: Any, **only: Any) -> list[Any]:
    statement = select(table.__table__).filter_by(**only).order_by(table.created_ms, table.id)
    async with database.read() as tx:
        return list((await tx.execute(statement)).all())


def assert_equal(rows: list[dict[str, str]], wanted: list[Any], columns: list[Column]) -> None:
    assert len(rows) == len(wanted)
    for row, original in zip(rows, wanted, strict=True):
        for column in columns:
            if column.name in ("attempts", "explain"):
                continue  # JSON text: as the database has it
            cell, meant = unescaped(row[column.name]), in_csv(column, column.of(original))
            if column.content == "usd":
                assert (Decimal(cell), "E" in cell) == (Decimal(meant), False)
            else:
                assert cell == meant, column.name


@pytest.mark.parametrize("page", [7, 1_000])
async def test_csv_holds_every_request_once(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", page)
    for mode, account in (("live", None), ("test", None), ("live", "acc_1")):
        only = {"mode": mode} | ({"account_id": account} if account else {})
        rows = rows_of(await file_of(database, "requests", mode=mode, account_id=account))
        assert list(rows[0]) == [column.name for column in REQUESTS]
        assert_equal(rows, await stored(database, Request, **only), REQUESTS)
    assert sum(int(row["input"]) for row in rows) > 0


@pytest.mark.parametrize("page", [7, 1_000])
async def test_csv_holds_every_entry_once(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", page)
    everything = await stored(database, Entry, mode="live")
    rows = rows_of(await file_of(database, "entries"))
    assert_equal(rows, sorted(everything, key=lambda entry: entry.id), ENTRIES)
    own = [entry for entry in everything if "account:acc_2" in (entry.debit, entry.credit)]
    assert_equal(rows_of(await file_of(database, "entries", account_id="acc_2")), own, ENTRIES)
    assert 0 < len(own) < len(everything)


async def test_usage_is_what_plain_python_counts(database: Database, traffic: Traffic) -> None:
    """By the hour, an account and all, partly counted and partly not yet."""
    for account in (None, "acc_1"):
        wanted: dict[tuple[str, ...], list[Record]] = defaultdict(list)
        for record in traffic.records:
            if record.mode == "live" and account in (None, record.account_id):
                hour = in_csv(USAGE[0], record.created_ms - record.created_ms % HOUR_MS)
                part = (record.account_id, record.key_id, record.channel_id, record.model, record.group_name)
                wanted[hour, *part].append(record)
        found = {}
        for row in rows_of(await file_of(database, "usage", account_id=account)):
            names = tuple(
                unescaped(row[name]) for name in ("account_id", "key_id", "channel", "model", "group")
            )
            money = {name: int(Decimal(row[f"{name}_usd"]).scaleb(9)) for name in ("cost", "shortfall")}
            numbers = {column.name: int(row[column.name]) for column in USAGE if column.content == "count"}
            found[row["start_at"], *names] = {word: n for word, n in (numbers | money).items() if n}
        assert found == {at: counts(records) for at, records in wanted.items()}


async def test_usage_hours_begin_where_it_was_asked_to(database: Database, traffic: Traffic) -> None:
    """So that they are hours of a zone that is half an hour off."""
    shifted = timespan.asked_for_export(
        "2026-10-20T00:00+05:30", "2026-11-04T00:00+05:30", TO_MS, by_quarter=True
    )
    rows = rows_of(await file_of(database, "usage", timespan=shifted))
    assert {row["start_at"][14:16] for row in rows} == {"30"}
    start_ms, end_ms, _ = shifted
    meant = [r for r in traffic.records if r.mode == "live" and start_ms <= r.created_ms < end_ms]
    assert sum(int(row["requests"]) for row in rows) == len(meant)


@pytest.mark.parametrize("kind", get_args(Kind))
async def test_parquet_holds_the_same_as_csv_exactly(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(exports.export_parquet, "ROWS_IN_A_GROUP", 20)
    table = parquet.read_table(io.BytesIO(await file_of(database, kind, "parquet")))
    types = {"text": pyarrow.string(), "count": pyarrow.int64(), "flag": pyarrow.bool_()}
    types |= {"usd": pyarrow.decimal128(38, 9), "time": pyarrow.timestamp("ms", tz="UTC")}
    assert table.schema.names == [column.name for column in COLUMNS[kind]]
    assert table.schema.types == [types[column.content] for column in COLUMNS[kind]]
    rows = rows_of(await file_of(database, kind))
    assert len(rows) == table.num_rows > 20
    for row, exact in zip(rows, table.to_pylist(), strict=True):
        for column in COLUMNS[kind]:
            value = exact[column.name]
            if column.content == "usd":
                assert value == Decimal(row[column.name])
            elif column.content == "time":
                assert value == datetime.fromisoformat(row[column.name])
            else:
                assert in_csv(column, value) == unescaped(row[column.name])


@pytest.mark.parametrize("kind", get_args(Kind))
async def test_a_time_without_rows_is_a_file_with_heads(database: Database, kind: Kind) -> None:
    file = await file_of(database, kind)
    assert file.decode().split("\r\n") == [",".join(column.name for column in COLUMNS[kind]), ""]
    table = parquet.read_table(io.BytesIO(await file_of(database, kind, "parquet")))
    assert (table.num_rows, table.schema.names) == (0, [column.name for column in COLUMNS[kind]])


async def test_from_is_inside_and_to_is_outside(database: Database, traffic: Traffic) -> None:
    traffic.send(1, id="first", created_ms=FROM_MS, mode="live")
    traffic.send(1, id="last", created_ms=FROM_MS + 999, mode="live")
    traffic.send(1, id="after", created_ms=FROM_MS + 1_000, mode="live")
    await traffic.post(database)
    second = timespan.asked_for_export(
        "2026-10-20T00:00:00Z", "2026-10-20T00:00:01Z", TO_MS, by_quarter=False
    )
    assert [row["id"] for row in rows_of(await file_of(database, "requests", timespan=second))] == [
        "first",
        "last",
    ]


async def test_rows_that_come_meanwhile_shift_nothing(
    database: Database, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 5)
    before = {record.id for record in traffic.records if record.mode == "live"}
    found = []
    async for piece in exports.pieces(database.read, Export("requests", ALL)):
        found.append(piece)
        traffic.send(3)
        await traffic.post(database)
        await rollup.run(database)
    ids = [row["id"] for row in rows_of(b"".join(found))]
    assert len(ids) == len(set(ids))
    assert before <= set(ids)


async def test_size_is_what_is_done(database: Database, traffic: Traffic) -> None:
    for kind in get_args(Kind):
        for account in (None, "acc_1"):
            export, told = Export(kind, ALL, account_id=account), 0

            def done(count: int) -> None:
                nonlocal told
                told += count

            async for _ in exports.pieces(database.read, export, done):
                pass
            async with database.read() as tx:
                assert await exports.size(tx, export) == told > 0


TEXT = Column("text", "text", lambda row: row)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_no_cell_is_ever_a_formula(texts: list[str]) -> None:
    """A spreadsheet reads what is between the separators; each text comes back whole."""
    file = CsvFile([TEXT, TEXT])
    written = file.add(texts) + file.end()
    rows = list(csv.reader(io.StringIO(written.decode(), newline="")))[1:]
    assert not any(cell.startswith(FORMULA) for row in rows for cell in row)
    assert [row[0] for row in rows] == [f"'{text}" if text.startswith(FORMULA) else text for text in texts]
    assert written.endswith(b"\r\n")


@given(st.text(st.sampled_from("=+-@\t\r\n\"', a;1"), min_size=1, max_size=6))
def test_no_line_begins_with_a_formula_even_where_line_ends_are_in_cells(text: str) -> None:
    """As a reader that knows no quotes would cut it: a quote, an apostrophe or a plain letter stands first."""
    file = CsvFile([TEXT])
    (_, line) = (file.add([]), file.add([text]))
    assert not line.decode().startswith(FORMULA)
    assert ("\r" in text or "\n" in text) <= line.startswith((b'"', b"'"))


def test_excel_gets_the_mark_that_it_needs() -> None:
    assert CsvFile([TEXT], for_excel=True).end().startswith(BOM + b"text")
    assert CsvFile([TEXT]).end().startswith(b"text")


def test_bad_questions_are_refused_by_name() -> None:
    def refused(param: str, **given: Any) -> None:
        asked: dict[str, Any] = {
            "kind": "usage",
            "format": "csv",
            "from_": None,
            "to": None,
            "account_id": None,
        }
        asked |= {"mode": "live", "for_excel": False, "now_ms": TO_MS}
        with pytest.raises(BadRequest) as found:
            exports.asked(**(asked | given))
        assert found.value.param == param
        assert param in found.value.message

    refused("from", from_="2026-11-02", to="2026-11-01")
    refused("from", from_="2026-11-01", to="2026-11-01")
    refused("from", from_="2020-01-01")
    refused("from", from_="yesterday")
    refused("from", from_="2026-11-01T00:07")
    refused("to", to="2026-13-01")
    refused("excel", format="parquet", for_excel=True)


MEMORY = """
import asyncio, resource, sys
from pronghorn.commerce import exports, timespan
from pronghorn.commerce import export_parquet
from pronghorn.store import Database

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

async def main(url, format):
    database = Database(url)
    within = timespan.asked_for_export("2026-10-01", "2026-12-01", 0, by_quarter=True)
    before, rows, length = peak(), 0, 0

    def done(count):
        nonlocal rows
        rows += count

    async for piece in exports.pieces(database.read, exports.Export("requests", within, format), done):
        length += len(piece)
    print(rows, length, peak() - before)
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""
MANY = 200_000
MAX_MORE_KIB = 80 * 1024


@pytest.mark.nightly
@pytest.mark.timeout(600)
async def test_memory_does_not_grow_with_the_rows(database: Database) -> None:
    """200,000 rows, in a process of its own; what the export takes beyond its libraries is measured."""
    await _fill(database, MANY)
    for format in ("csv", "parquet"):
        command = [sys.executable, "-c", MEMORY, database.url, format]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
        assert ran.returncode == 0, ran.stderr
        rows, length, more_kib = map(int, ran.stdout.split())
        assert rows == MANY
        assert length > 1_000_000
        assert more_kib < MAX_MORE_KIB


async def _fill(database: Database, count: int) -> None:
    """Rows that the database makes itself: to send so many takes longer than the test."""
    numbers = select(literal(0).label("i")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.i + 1).where(numbers.c.i < count - 1))
    text = cast(numbers.c.i, String)
    attempts = [{"channel": "chn_1", "status": 200, "error": "", "duration_ms": 9}]
    explain = [{"component": "input", "units": 10, "pico_usd": 2_500_000, "factor_ppm": 850_000}]
    columns: dict[str, Any] = {
        "id": literal("req_") + text,
        "created_ms": literal(FROM_MS, BigInteger) + numbers.c.i,
        "mode": literal("live"),
        "account_id": literal("acc_") + text,
        "key_id": literal("key_") + text,
        "group_name": literal("default"),
        "endpoint": literal("chat"),
        "model": literal("model-") + text,
        "is_stream": literal(False),
        "status": literal(200),
        "end_reason": literal("ok"),
        "error": literal(""),
        "usage": literal({"input": 1, "output": 2}, JSON),
        "hold": literal(1_000, BigInteger),
        "cost": cast(numbers.c.i, BigInteger),
        "shortfall": literal(0, BigInteger),
        "duration_ms": literal(100),
        "client_ip": literal(""),
        "attempts": literal(attempts, JSON),
        "explain": literal(explain, JSON),
        "posted_ms": literal(FROM_MS, BigInteger),
    }
    async with database.write() as tx:
        await tx.execute(insert(Request).from_select(list(columns), select(*columns.values())))
