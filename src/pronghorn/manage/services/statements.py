"""Statements: as numbers for programs, and as HTML and PDF for people."""

import asyncio
from typing import Any, Literal

from msgspec import Struct

from pronghorn.commerce import statement_html
from pronghorn.commerce.statement_layout import layout
from pronghorn.commerce.statement_words import Language
from pronghorn.commerce.statements import Charged, Kind, Movement, Statement
from pronghorn.kit.later import Later
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Time, Usd

Format = Literal["json", "html", "pdf"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
}
# The library is large, and most processes never make a PDF.
statement_pdf: Any = Later("pronghorn.commerce.statement_pdf")


class StatementKind(Struct):
    """All entries of a kind that went one way."""

    kind: str
    entries: int
    amount_usd: Usd


class StatementModel(Struct):
    """What one model cost; null: requests that are no longer in the log."""

    model: str | None
    requests: int
    input: int
    output: int
    amount_usd: Usd


class StatementKey(Struct):
    key_id: str | None
    name: str | None
    requests: int
    amount_usd: Usd


class StatementEntry(Struct):
    """An entry that is no charge; negative: it went out."""

    created_at: Time
    kind: str
    note: str
    amount_usd: Usd


class AccountStatement(Struct):
    """`opening_usd` + `in_usd` - `out_usd` = `closing_usd`, exactly."""

    account_id: str
    account_name: str
    mode: Mode
    month: str
    time_zone: str
    start_at: Time
    end_at: Time
    made_at: Time
    complete: bool
    """The month is over."""
    opening_usd: Usd
    in_usd: Usd
    out_usd: Usd
    closing_usd: Usd
    came_in: list[StatementKind]
    went_out: list[StatementKind]
    charges_by_model: list[StatementModel]
    charges_by_key: list[StatementKey]
    entries: list[StatementEntry]


def file_name(made: Statement, format: Format) -> str:
    return f"statement-{made.account_id}-{made.month}.{format}"


async def rendered(made: Statement, format: Literal["html", "pdf"], language: Language) -> bytes:
    """In a thread: a long one takes seconds, and a server has other things to do."""
    return await asyncio.to_thread(_rendered, made, format, language)


def _rendered(made: Statement, format: Literal["html", "pdf"], language: Language) -> bytes:
    laid_out = layout(made, language)
    if format == "html":
        return statement_html.render(laid_out).encode()
    pdf: bytes = statement_pdf.render(laid_out)
    return pdf


def view(made: Statement) -> AccountStatement:
    return AccountStatement(
        account_id=made.account_id,
        account_name=made.account_name,
        mode=made.mode,
        month=made.month,
        time_zone=made.zone.key,
        start_at=fields.time_text(made.start_ms),
        end_at=fields.time_text(made.end_ms),
        made_at=fields.time_text(made.made_ms),
        complete=made.is_complete,
        opening_usd=format_usd(made.opening),
        in_usd=format_usd(made.total_in),
        out_usd=format_usd(made.total_out),
        closing_usd=format_usd(made.closing),
        came_in=[_kind(kind) for kind in made.came_in],
        went_out=[_kind(kind) for kind in made.went_out],
        charges_by_model=[_model(each) for each in made.models],
        charges_by_key=[_key(each, made.key_names) for each in made.keys],
        entries=[_entry(each) for each in made.movements],
    )


def _kind(kind: Kind) -> StatementKind:
    return StatementKind(kind.kind, kind.entries, format_usd(kind.amount))


def _model(each: Charged) -> StatementModel:
    return StatementModel(each.name or None, each.requests, each.input, each.output, format_usd(each.amount))


def _key(each: Charged, names: dict[str, str]) -> StatementKey:
    return StatementKey(each.name or None, names.get(each.name), each.requests, format_usd(each.amount))


def _entry(each: Movement) -> StatementEntry:
    return StatementEntry(fields.time_text(each.created_ms), each.kind, each.note, format_usd(each.amount))
