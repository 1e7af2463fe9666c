"""Usage, statements and exports over HTTP and on the command line: what is asked, answered and refused by name."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdf
import pytest
import pytest_asyncio
from litestar.exceptions import LitestarException
from pyarrow import parquet
from sqlalchemy import insert
from tests.cli.commanding import Ended, typed
from tests.commerce.traffic import Traffic, counts
from tests.manage.installed import Manage

from pronghorn.commerce import exports, rollup
from pronghorn.store.models import Account

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAYS = "from=2026-10-20&to=2026-11-05"
EXPORTS = ("requests", "entries", "usage")


class World:
    """An installation on which requests went the real way, half of them counted; the clock says a day of November."""

    def __init__(self, manage: Manage, traffic: Traffic) -> None:
        self.manage = manage
        self.traffic = traffic

    @property
    def live(self) -> list[Any]:
        return [record for record in self.traffic.records if record.mode == "live"]

    async def run(self, *words: str) -> Ended:
        """In a thread: a command has an event loop of its own."""
        data = str(self.manage.gateway.settings.data)
        return await asyncio.to_thread(typed, *words, "--data", data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(manage: Manage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    database = manage.gateway.database
    manage.clock.jump(1_793_000_000 - manage.clock.now())
    async with database.write() as tx:
        for account in ("acc_1", "acc_2", "acc_3"):
            values = {"name": f"<b>{account}</b>", "group_name": "default", "created_ms": 1}
            await tx.execute(insert(Account).values(id=account, **values))
    traffic = Traffic(tmp_path_factory.mktemp("journal"), 3)
    for _ in range(2):
        await rollup.run(database)
        traffic.send(60)
        await traffic.post(database)
    manage.clock.jump(1_794_000_000 - manage.clock.now())
    yield World(manage, traffic)
    traffic.close()


def usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


async def test_a_report_says_what_was_used_and_what_it_cost(world: World) -> None:
    report = await world.manage.get(f"/usage?{DAYS}&group_by=model")
    total = counts(world.live)
    assert report["total"]["requests"] == len(world.live)
    assert Decimal(report["total"]["cost_usd"]) == usd(total["cost"])
    assert {name: report["total"][name] for name in ("input", "output", "cache_write", "errors")} == {
        name: total[name] for name in ("input", "output", "cache_write", "errors")
    }
    for field in ("items", "groups"):
        assert sum(Decimal(each["cost_usd"]) for each in report[field]) == usd(total["cost"])
        assert sum(each["requests"] for each in report[field]) == len(world.live)
    assert {group["group"] for group in report["groups"]} == {record.model for record in world.live}
    assert (report["by"], report["group_by"], report["time_zone"]) == ("day", "model", "UTC")
    assert (report["start_at"], report["end_at"]) == ("2026-10-20T00:00:00.000Z", "2026-11-05T00:00:00.000Z")


async def test_a_report_can_be_narrowed(world: World) -> None:
    own = [record for record in world.live if record.account_id == "acc_1"]
    for query, meant in (
        ("account_id=acc_1", own),
        ("account_id=acc_1&key_id=key_2", [record for record in own if record.key_id == "key_2"]),
        ("model=gpt-4o", [record for record in world.live if record.model == "gpt-4o"]),
        ("mode=test", [record for record in world.traffic.records if record.mode == "test"]),
        ("account_id=acc_none", []),
    ):
        report = await world.manage.get(f"/usage?{DAYS}&{query}")
        assert report["total"]["requests"] == len(meant)
        assert Decimal(report["total"]["cost_usd"]) == usd(sum(record.charge for record in meant))


async def test_a_part_that_is_none_is_null_and_named_ones_have_names(world: World) -> None:
    report = await world.manage.get(f"/usage?{DAYS}&group_by=channel")
    assert None in {group["group"] for group in report["groups"]}
    report = await world.manage.get(f"/usage?{DAYS}&group_by=account")
    assert {group["group"]: group["name"] for group in report["groups"]}["acc_1"] == "<b>acc_1</b>"


async def test_days_begin_where_the_zone_has_them(world: World) -> None:
    report = await world.manage.get("/usage?from=2026-10-25&to=2026-10-26&by=hour&time_zone=Asia/Kathmandu")
    assert report["start_at"] == "2026-10-24T18:15:00.000Z"
    assert len(report["items"]) == 24
    assert report["groups"] == []
    report = await world.manage.get("/usage?from=2026-10-25&to=2026-10-26&by=hour&time_zone=Europe/Berlin")
    assert len(report["items"]) == 25


async def test_without_bounds_it_is_the_last_30_days(world: World) -> None:
    report = await world.manage.get("/usage")
    assert len(report["items"]) == 30
    assert len((await world.manage.get("/usage?by=hour"))["items"]) == 24


@pytest.mark.parametrize(
    ("param", "query"),
    [
        ("from", "from=2026-11-02&to=2026-11-01"),
        ("from", "from=2026-11-01&to=2026-11-01"),
        ("from", "from=2020-01-01&to=2026-11-01"),
        ("from", "by=hour&from=2026-09-01&to=2026-11-01"),
        ("from", "from=2026-11-01T00:07:00Z"),
        ("from", "from=x"),
        ("from", "from="),
        ("from", "from=0001-01-01T00:00:00%2B14:00"),
        ("to", "to=9999-12-31T23:45:00-12:00"),
        ("to", "to=2026-02-30"),
        ("time_zone", "time_zone=Mars/Olympus"),
        ("time_zone", "time_zone="),
        ("time_zone", "time_zone=..%2F..%2Fetc%2Fpasswd"),
        ("time_zone", "time_zone=%00"),
        ("by", "by=week"),
        ("group_by", "group_by=colour"),
        ("mode", "mode=both"),
        ("since", "since=2026-11-01"),
        ("from_", "from_=2026-11-01"),
        ("from", "from=2026-11-01&from=2026-11-02"),
    ],
)
async def test_a_wrong_question_is_refused_by_name(world: World, param: str, query: str) -> None:
    error = await world.manage.refused(400, "GET", f"/usage?{query}")
    assert error["param"] == param
    assert param in error["message"]


def month(extra: str = "") -> str:
    return f"/accounts/acc_1/statement?month=2026-10{extra}"


async def test_a_statement_adds_up_in_json(world: World) -> None:
    made = await world.manage.get(month("&time_zone=Asia/Shanghai"))
    money = {name: Decimal(made[f"{name}_usd"]) for name in ("opening", "in", "out", "closing")}
    assert money["opening"] + money["in"] - money["out"] == money["closing"]
    assert money["out"] == sum(Decimal(model["amount_usd"]) for model in made["charges_by_model"])
    assert made["start_at"] == "2026-09-30T16:00:00.000Z"
    assert made["complete"]


async def test_a_statement_is_html_or_pdf_for_people(world: World) -> None:
    page = await world.manage.call("GET", month("&format=html&language=zh"))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "账户对账单" in page.text
    assert "&lt;b&gt;acc_1&lt;/b&gt;" in page.text
    assert "<b>acc_1" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    response = await world.manage.http.get(f"/manage/v1{month('&format=pdf')}")
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == 'inline; filename="statement-acc_1-2026-10.pdf"'
    text = pypdf.PdfReader(io.BytesIO(response.content)).pages[0].extract_text()
    closing = (await world.manage.get(month()))["closing_usd"]
    assert closing in "".join(text.split())


@pytest.mark.parametrize(
    ("param", "query"),
    [
        ("month", "month="),
        ("month", "month=2026-13"),
        ("month", "month=2026-11-01"),
        ("month", "month=2199-01"),
        ("time_zone", "month=2026-10&time_zone=Nowhere"),
        ("format", "month=2026-10&format=docx"),
        ("language", "month=2026-10&language=fr"),
    ],
)
async def test_a_wrong_statement_is_refused_by_name(world: World, param: str, query: str) -> None:
    error = await world.manage.refused(400, "GET", f"/accounts/acc_1/statement?{query}")
    assert error["param"] == param


async def test_an_account_that_is_not_there_has_no_statement(world: World) -> None:
    error = await world.manage.refused(404, "GET", "/accounts/acc_none/statement?month=2026-10")
    assert "acc_none" in error["message"]


@pytest.mark.parametrize("kind", EXPORTS)
async def test_exports_are_downloads(world: World, kind: str) -> None:
    for format, media_type in (
        ("csv", "text/csv; charset=utf-8"),
        ("parquet", "application/vnd.apache.parquet"),
    ):
        response = await world.manage.http.get(f"/manage/v1/export/{kind}?{DAYS}&format={format}")
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        name = f"{kind}-2026-10-20-2026-11-04.{format}"
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
        if format == "csv":
            rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
        else:
            rows = parquet.read_table(io.BytesIO(response.content)).to_pylist()
        money = {"requests": "cost_usd", "entries": "amount_usd", "usage": "cost_usd"}[kind]
        meant = [r for r in rows if kind != "entries" or r["kind"] == "charge"]
        assert sum(Decimal(row[money]) for row in meant) == usd(counts(world.live)["cost"])


async def test_an_export_for_excel_begins_with_its_mark(world: World) -> None:
    response = await world.manage.http.get(f"/manage/v1/export/requests?{DAYS}&excel=1")
    assert response.content.startswith(b"\xef\xbb\xbfid,")
    response = await world.manage.http.get(f"/manage/v1/export/requests?{DAYS}")
    assert response.content.startswith(b"id,")


@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize(
    ("param", "query"),
    [
        ("format", "format=xls"),
        ("from", "from=2026-11-02&to=2026-11-01"),
        ("from", "from=2020-01-01"),
        ("to", "to=soon"),
        ("mode", "mode=both"),
        ("excel", "format=parquet&excel=1"),
        ("time_zone", "time_zone=UTC"),
    ],
)
async def test_a_wrong_export_is_refused_by_name(world: World, kind: str, param: str, query: str) -> None:
    error = await world.manage.refused(400, "GET", f"/export/{kind}?{query}")
    assert error["param"] == param


async def test_there_is_no_other_export(world: World) -> None:
    await world.manage.refused(404, "GET", "/export/secrets")


async def test_a_file_that_stops_in_the_middle_is_not_taken_for_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away while the file is sent: the connection must not end as if that were all."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 5)
    reads = 0
    real = exports._page_of_log

    def page(export: Any, after: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads > 3:
            raise RuntimeError("the database is gone")
        return real(export, after)

    monkeypatch.setattr(exports, "_page_of_log", page)
    with pytest.raises(LitestarException, match="after response started"):
        await world.manage.http.get(f"/manage/v1/export/requests?{DAYS}")


async def test_commands_answer_as_the_api_does(world: World) -> None:
    ended = await world.run(
        "usage", "--from", "2026-10-20", "--to", "2026-11-05", "--group-by", "model", "--json"
    )
    assert (ended.code, ended.err) == (0, "")
    report = await world.manage.get(f"/usage?{DAYS}&group_by=model")
    assert json.loads(ended.out) == report
    table = await world.run("usage", "--from", "2026-10-20", "--to", "2026-11-05", "--group-by", "model")
    assert report["total"]["cost_usd"] in table.out.splitlines()[-2]
    ended = await world.run("statement", "acc_1", "--month", "2026-10", "--json")
    made = json.loads(ended.out)
    api = await world.manage.get(month())
    assert made | {"made_at": ""} == api | {"made_at": ""}


async def test_commands_write_files_whole(world: World, tmp_path: Path) -> None:
    for kind in EXPORTS:
        out = tmp_path / f"{kind}.parquet"
        words = ("export", kind, "--format", "parquet", "--from", "2026-10-20", "--to", "2026-11-05")
        ended = await world.run(*words, "--out", str(out))
        assert (ended.code, ended.err) == (0, "")
        response = await world.manage.http.get(f"/manage/v1/export/{kind}?{DAYS}&format=parquet")
        assert out.read_bytes() == response.content
    pdf = tmp_path / "october.pdf"
    ended = await world.run("statement", "acc_1", "--month", "2026-10", "--format", "pdf", "--out", str(pdf))
    assert (ended.code, pdf.read_bytes()[:5]) == (0, b"%PDF-")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(f"{kind}.parquet" for kind in EXPORTS), "october.pdf"]
    )


async def test_a_file_that_cannot_be_written_is_said_to_be(world: World, tmp_path: Path) -> None:
    ended = await world.run("export", "entries", "--out", str(tmp_path / "none" / "x.csv"))
    assert ended.code == 1
    assert "cannot be written" in ended.err
    assert "Traceback" not in ended.err
