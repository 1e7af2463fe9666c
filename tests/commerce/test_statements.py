"""Statements: every number is what the entries say, in a form that people can read."""

import io
import re
from collections.abc import AsyncIterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdf
import pytest
from sqlalchemy import delete, select, update
from tests.commerce.traffic import TO_MS, USD, Traffic, open_accounts

from pronghorn.commerce import statement_html, statement_pdf, statements
from pronghorn.commerce.statement_layout import Amount, Layout, layout
from pronghorn.commerce.statement_words import KINDS, WORDS
from pronghorn.commerce.statements import Statement
from pronghorn.errors import BadRequest, NotFound, PronghornError
from pronghorn.ledger import repository
from pronghorn.store import Database
from pronghorn.store.models import Account, Entry, Key, Request

ZONES = ("UTC", "Asia/Shanghai", "Asia/Kathmandu", "America/New_York")
LANGUAGES = ("en", "zh")
NOW_MS = TO_MS + 365 * 86_400_000
LONG_NOTE = "为了某个很长很长的理由" * 180
"""As long as a note may be: nearly 2,000 characters, higher than a page."""


def moment(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


@pytest.fixture
async def ledger(database: Database, tmp_path: Path) -> AsyncIterator[Database]:
    """A month of requests, and money of all kinds, some of it in the last and the first second of a month."""
    await open_accounts(database)
    traffic = Traffic(tmp_path, 5)
    traffic.send(300)
    await traffic.post(database)
    traffic.close()
    async with database.write() as tx:
        await pay(tx, 50 * USD, "top_up", "2026-10-03T11:12:13", note="<b>WeChat</b> & 微信")
        await pay(tx, 1_234_567_891, "reward", "2026-10-31T23:59:59", zone="Asia/Shanghai")
        await pay(tx, 1, "welcome", "2026-11-01T00:00:00", zone="Asia/Shanghai")
        await pay(tx, 7 * USD, "something_new", "2026-10-31T23:59:59", zone="America/New_York")
        await repository.adjust(
            tx, "acc_1", "live", -3 * USD, note=LONG_NOTE, now_ms=moment("2026-10-20T00:00:00")
        )
        await repository.take_out(
            tx,
            "acc_1",
            5,
            kind="expiry",
            target="promotion",
            reference="expiry:1",
            now_ms=moment("2026-10-21T00:00:00"),
        )
    yield database


async def pay(tx: Any, amount: int, kind: str, at: str, *, zone: str = "UTC", note: str = "") -> None:
    await repository.pay_in(
        tx,
        "acc_1",
        amount,
        kind=kind,
        source="promotion",
        reference=f"{kind}:{at}",
        note=note,
        now_ms=moment(at, zone),
    )


async def make(database: Database, account: str = "acc_1", month: str = "2026-10", **more: Any) -> Statement:
    given: dict[str, Any] = {"time_zone": "UTC", "mode": "live", "now_ms": NOW_MS} | more
    async with database.read() as tx:
        return await statements.statement(tx, account, month, **given)


async def entries_of(database: Database, account: str, mode: str) -> list[tuple[int, str, int]]:
    """When, what, and how much: negative if it went out."""
    book = f"account:{account}"
    async with database.read() as tx:
        rows = (await tx.execute(select(Entry.__table__).where(Entry.mode == mode))).all()
    return [
        (row.created_ms, row.kind, row.amount if row.credit == book else -row.amount)
        for row in rows
        if book in (row.credit, row.debit)
    ]


@pytest.mark.parametrize("zone", ZONES)
async def test_every_number_is_a_recount_of_the_entries(ledger: Database, zone: str) -> None:
    for account in ("acc_1", "acc_2", "acc_3"):
        for mode in ("live", "test"):
            all_entries = await entries_of(ledger, account, mode)
            closed: int | None = None
            for month, after in (("2026-09", "2026-10"), ("2026-10", "2026-11"), ("2026-11", "2026-12")):
                made = await make(ledger, account, month, time_zone=zone, mode=mode)
                start_ms, end_ms = moment(f"{month}-01", zone), moment(f"{after}-01", zone)
                within = [entry for entry in all_entries if start_ms <= entry[0] < end_ms]
                assert made.opening == sum(amount for at, _, amount in all_entries if at < start_ms)
                assert made.closing == sum(amount for at, _, amount in all_entries if at < end_ms)
                assert made.opening + made.total_in - made.total_out == made.closing
                assert {kind.kind: (kind.entries, kind.amount) for kind in made.came_in} == kinds(within, 1)
                assert {kind.kind: (kind.entries, kind.amount) for kind in made.went_out} == kinds(within, -1)
                others = [(at, kind, amount) for at, kind, amount in within if kind != "charge"]
                assert sorted((each.created_ms, each.kind, each.amount) for each in made.movements) == sorted(
                    others
                )
                assert closed in (None, made.opening)
                closed = made.closing


def kinds(entries: list[tuple[int, str, int]], sign: int) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for _, kind, amount in entries:
        if amount * sign > 0:
            count, total = found.get(kind, (0, 0))
            found[kind] = (count + 1, total + abs(amount))
    return found


async def test_charges_are_split_by_model_and_by_key(ledger: Database) -> None:
    made = await make(ledger)
    async with ledger.read() as tx:
        rows = (await tx.execute(select(Request.__table__))).all()
    until = moment("2026-11-01")
    charged = [
        r for r in rows if r.account_id == "acc_1" and r.mode == "live" and r.cost and r.created_ms < until
    ]
    for column, parts in (("model", made.models), ("key_id", made.keys)):
        wanted = {}
        for name in {getattr(row, column) for row in charged}:
            own = [row for row in charged if getattr(row, column) == name]
            tokens = [sum(row.usage[word] for row in own) for word in ("input", "output")]
            wanted[name] = (len(own), *tokens, sum(row.cost for row in own))
        assert {part.name: tuple(part[1:]) for part in parts} == wanted
    assert made.key_names == {"key_1": "name of key_1", "key_2": "name of key_2"}


async def test_what_is_not_in_the_log_any_more_is_still_in_the_sum(ledger: Database) -> None:
    before = await make(ledger)
    async with ledger.write() as tx:
        await tx.execute(delete(Request).where(Request.model == "gpt-4o"))
        await tx.execute(delete(Key).where(Key.id == "key_2"))
    after = await make(ledger)
    assert (after.opening, after.closing, after.total_out) == (
        before.opening,
        before.closing,
        before.total_out,
    )
    gone = {part.name: part.amount for part in before.models}["gpt-4o"]
    assert {part.name: part.amount for part in after.models}[""] == gone
    assert after.key_names == {"key_1": "name of key_1"}
    shown = statement_html.render(layout(after, "en"))
    assert "no longer in the log" in shown


async def test_a_sum_that_is_wrong_is_not_shown(ledger: Database) -> None:
    made = await make(ledger)
    for wrong in (
        made._replace(opening=made.opening + 1),
        made._replace(came_in=made.came_in[1:]),
        made._replace(models=made.models[1:]),
        made._replace(keys=made.keys[1:]),
    ):
        with pytest.raises(PronghornError, match="do not add up"):
            statements._checked(wrong)


async def test_a_month_that_runs_is_a_statement_until_now(ledger: Database) -> None:
    made = await make(ledger, month="2026-11", now_ms=TO_MS)
    assert not made.is_complete
    assert "not over" in dict(layout(made, "en").facts)["Period"]
    assert (await make(ledger)).is_complete


async def test_bad_questions_are_refused_by_name(ledger: Database) -> None:
    for param, question in (
        ("month", {"month": "2026-13"}),
        ("month", {"month": "november"}),
        ("month", {"month": "2026-11-01"}),
        ("month", {"month": "２０２６-11"}),
        ("month", {"month": "2099-01"}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("time_zone", {"time_zone": "../../etc/passwd"}),
        ("time_zone", {"time_zone": "America"}),
        ("time_zone", {"time_zone": ""}),
    ):
        with pytest.raises(BadRequest) as refused:
            await make(ledger, **question)
        assert refused.value.param == param
        assert param in refused.value.message
    with pytest.raises(NotFound):
        await make(ledger, "acc_none")


def cells_of(laid_out: Layout) -> list[str]:
    """All that must be readable."""
    facts = [text for pair in laid_out.facts for text in pair]
    balances = [str(part) for pair in laid_out.balances for part in pair]
    rows = [str(cell) for table in laid_out.tables for row in (*table.rows, *table.totals) for cell in row]
    heads = [text for table in laid_out.tables for text in (table.title, *(c.title for c in table.columns))]
    return [laid_out.title, laid_out.month, laid_out.account, laid_out.rule, *facts, *balances, *rows, *heads]


class Text(HTMLParser):
    """What a browser shows, and which elements there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self._parts: list[str] = []
        self.feed(page)
        self.text = "".join(self._parts)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self._parts.append(data)


HOSTILE = "<script>alert(1)</script> & \"quoted\" 'n' <img src=x onerror=alert(2)> 研究院"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_html_shows_everything_and_runs_nothing(ledger: Database, language: Any) -> None:
    async with ledger.write() as tx:
        await tx.execute(update(Account).values(name=HOSTILE))
        await tx.execute(update(Key).values(name=HOSTILE))
        await tx.execute(update(Request).where(Request.model == "gpt-4o").values(model=HOSTILE))
    laid_out = layout(await make(ledger), language)
    page = statement_html.render(laid_out)
    read = Text(page)
    assert [cell for cell in cells_of(laid_out) if cell not in read.text] == []
    assert read.tags.isdisjoint({"script", "img", "iframe", "link", "object", "form", "a"})
    assert read.addresses == []
    assert "url(" not in page and "@import" not in page
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in page


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pdf_holds_all_that_html_shows(ledger: Database, language: Any) -> None:
    laid_out = layout(await make(ledger, time_zone="Asia/Shanghai"), language)
    document = pypdf.PdfReader(io.BytesIO(statement_pdf.render(laid_out)))
    pages = [page.extract_text() for page in document.pages]
    text = squeezed("".join(pages))
    short = [cell for cell in cells_of(laid_out) if cell != LONG_NOTE]
    assert [cell for cell in short if squeezed(cell) not in text] == []
    assert text.count("为了某个很长很长的理由"[:4]) >= 170  # a few are torn apart where a line or a page ends
    for number, page in enumerate(pages, 1):
        assert squeezed(laid_out.page.format(number=number, count=len(pages))) in squeezed(page)
    assert document.metadata is not None
    assert document.metadata.title == f"{laid_out.title} · {laid_out.month}"


async def test_pdf_of_many_pages_repeats_its_heads(ledger: Database, tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "more", 7, epoch=2)
    for number in range(250):
        name = f"model-{number}-{'with-a-long-name/' * 9}{'长' * 20}"
        traffic.send(1, id=f"more_{number}", model=name, mode="live", account_id="acc_2", charge=1 + number)
    await traffic.post(ledger)
    traffic.close()
    laid_out = layout(await make(ledger, "acc_2", "2026-10", time_zone="Pacific/Kiritimati"), "en")
    document = pypdf.PdfReader(io.BytesIO(statement_pdf.render(laid_out)))
    assert len(document.pages) > 10
    texts = [squeezed(page.extract_text()) for page in document.pages]
    everything = "".join(texts)
    by_model = laid_out.tables[1]
    assert len(by_model.rows) > 180
    assert [row for row in by_model.rows if squeezed(str(row[0])) not in everything] == []
    assert sum("Inputtokens" in text for text in texts[1:-1]) == len(texts) - 2


async def test_letters_that_no_font_has_break_nothing(ledger: Database) -> None:
    async with ledger.write() as tx:
        await tx.execute(update(Account).values(name="🦌 한국어 العربية \t x\u0301 <i>&amp;"))
    made = await make(ledger)
    text = pypdf.PdfReader(io.BytesIO(statement_pdf.render(layout(made, "zh")))).pages[0].extract_text()
    assert "<i>&amp;" in text
    assert "□" in text


async def test_an_account_without_anything_has_a_statement(ledger: Database) -> None:
    made = await make(ledger, month="2020-02")
    assert (made.opening, made.closing, made.models, made.movements) == (0, 0, [], [])
    for language in LANGUAGES:
        laid_out = layout(made, language)  # type: ignore[arg-type]
        assert WORDS[language]["no_charges"] in statement_html.render(laid_out)  # type: ignore[index]
        assert statement_pdf.render(laid_out).startswith(b"%PDF-")


async def test_amounts_are_exact_and_align(ledger: Database) -> None:
    laid_out = layout(await make(ledger), "en")
    amounts = [
        cell for table in laid_out.tables for row in table.rows for cell in row if isinstance(cell, Amount)
    ]
    assert {len(amount.finer) for amount in amounts} == {7}
    (reward,) = [row for row in laid_out.tables[0].rows if row[0] == KINDS["en"]["reward"]]
    assert str(reward[2]) == "1.234567891"


def test_every_word_is_there_in_each_language() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    assert KINDS["en"].keys() == KINDS["zh"].keys()
