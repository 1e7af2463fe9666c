"""Entries: the double-entry ledger, append-only."""

from typing import Any

from msgspec import Struct
from sqlalchemy import or_, select

from pronghorn.kit.money import format_usd
from pronghorn.ledger.repository import account_book
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table


class Entry(Struct):
    """`amount_usd` went from the book `debit` to the book `credit`; an account's book is `account:<id>`."""

    id: int
    created_at: Time
    mode: Mode
    kind: str
    debit: str
    credit: str
    amount_usd: Usd
    reference: str | None
    note: str


def view(row: Any) -> Entry:
    return Entry(
        id=row.id,
        created_at=fields.time_text(row.created_ms),
        mode=row.mode,
        kind=row.kind,
        debit=row.debit,
        credit=row.credit,
        amount_usd=format_usd(row.amount),
        reference=row.reference,
        note=row.note,
    )


async def page(tx: Tx, part: Window, account_id: str | None, mode: Mode, kind: str | None) -> Page[Entry]:
    statement = select(table.Entry).where(table.Entry.mode == mode)
    if account_id is not None:
        book = account_book(account_id)
        statement = statement.where(or_(table.Entry.debit == book, table.Entry.credit == book))
    statement = matching(statement, (table.Entry.kind, kind))
    return await fetch(tx, statement, table.Entry.created_ms, table.Entry.id, part, view)
