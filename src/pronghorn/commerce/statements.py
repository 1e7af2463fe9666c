"""Statements: what an account had, got and spent in a month, out of the ledger's entries alone.

Opening + in - out = closing, to the nano-dollar: checked whenever one is made. All numbers of a statement come from
one SQL statement, so that what is posted meanwhile is in all of them or in none.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Select, Text, cast, func, literal, select, union_all

from pronghorn.commerce import calendar, usage
from pronghorn.errors import BadRequest, NotFound, PronghornError
from pronghorn.ledger.repository import account_book
from pronghorn.store import Tx
from pronghorn.store.models import Account, Entry, Key, Request

Mode = Literal["live", "test"]

CHARGE = "charge"
_AFTER_CHARGE = len(f"{CHARGE}:") + 1
"""Where a request's id begins in the reference of its charge, counted from 1."""


class Movement(NamedTuple):
    """One entry that is no charge. `amount` is negative for what went out."""

    created_ms: int
    kind: str
    note: str
    amount: int


class Kind(NamedTuple):
    """All entries of a kind in one direction."""

    kind: str
    entries: int
    amount: int


class Charged(NamedTuple):
    """Charges for one model, or of one key. Empty `name`: the request is not in the log any more."""

    name: str
    requests: int
    input: int
    output: int
    amount: int


class Statement(NamedTuple):
    account_id: str
    account_name: str
    mode: Mode
    month: str
    zone: ZoneInfo
    start_ms: int
    end_ms: int
    made_ms: int
    opening: int
    closing: int
    came_in: list[Kind]
    went_out: list[Kind]
    models: list[Charged]
    keys: list[Charged]
    """By id; see `key_names`."""
    key_names: dict[str, str]
    movements: list[Movement]

    @property
    def is_complete(self) -> bool:
        """The month is over. Else it is a statement until now."""
        return self.made_ms >= self.end_ms

    @property
    def total_in(self) -> int:
        return sum(kind.amount for kind in self.came_in)

    @property
    def total_out(self) -> int:
        return sum(kind.amount for kind in self.went_out)


async def statement(
    tx: Tx, account_id: str, month: str | None, time_zone: str, mode: Mode, now_ms: int
) -> Statement:
    """Without `month`, of the last one that is over. Raises `NotFound`; `BadRequest` for one that has not begun."""
    zone = calendar.zone(time_zone)
    month = calendar.month_before(now_ms, zone) if month is None else month
    start_ms, end_ms = calendar.month_ms(month, zone)
    if start_ms > now_ms:
        raise BadRequest("month must not lie in the future", param="month")
    name = await tx.scalar(select(Account.name).where(Account.id == account_id))
    if name is None:
        raise NotFound(f"there is no account {account_id!r}; GET /manage/v1/accounts lists them")
    found = await _read(tx, account_id, mode, start_ms, end_ms)
    keys = _charged(found.charges, "key_id")
    made = Statement(
        account_id,
        name,
        mode,
        month,
        zone,
        start_ms,
        end_ms,
        now_ms,
        found.opening,
        found.closing,
        found.kinds(1),
        found.kinds(-1),
        _charged(found.charges, "model"),
        keys,
        await usage.titles(tx, Key.id, Key.name, [key.name for key in keys]),
        found.movements(),
    )
    return _checked(made)


def _checked(made: Statement) -> Statement:
    charged = sum(kind.amount for kind in made.went_out if kind.kind == CHARGE)
    parts = (sum(each.amount for each in several) for several in (made.models, made.keys))
    if made.opening + made.total_in - made.total_out != made.closing or any(
        sum_ != charged for sum_ in parts
    ):
        raise PronghornError(
            f"the entries of account {made.account_id} do not add up in {made.month}; this is a fault of the "
            "gateway: please report it"
        )
    return made


class _Found(NamedTuple):
    opening: int
    closing: int
    charges: list[Any]
    """Sums by model and key."""
    others: list[Any]
    """Single entries."""

    def kinds(self, sign: int) -> list[Kind]:
        """Of one direction, the largest first."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in (*self.charges, *self.others):
            if row.sign == sign:
                sums[row.kind][0] += row.entries
                sums[row.kind][1] += int(row.amount)
        found = [Kind(kind, count, amount) for kind, (count, amount) in sums.items()]
        return sorted(found, key=lambda kind: (-kind.amount, kind.kind))

    def movements(self) -> list[Movement]:
        made = [Movement(row.at_ms, row.kind, row.note, row.sign * int(row.amount)) for row in self.others]
        return sorted(made, key=lambda movement: movement[:2])


async def _read(tx: Tx, account_id: str, mode: str, start_ms: int, end_ms: int) -> _Found:
    book = account_book(account_id)
    within = (Entry.mode == mode, Entry.created_ms >= start_ms, Entry.created_ms < end_ms)
    parts = [
        *(_balance("opening", book, mode, start_ms)),
        *(_balance("closing", book, mode, end_ms)),
        _charges(book).where(*within),
        *(_single(sign).where(column == book, *within) for sign, column in _SIDES),
    ]
    rows = (await tx.execute(union_all(*parts))).all()

    def balance(section: str) -> int:
        return sum(row.sign * int(row.amount or 0) for row in rows if row.section == section)

    charges = [row for row in rows if row.section == "charges"]
    others = [row for row in rows if row.section == "single"]
    return _Found(balance("opening"), balance("closing"), charges, others)


_SIDES = ((1, Entry.credit), (-1, Entry.debit))


def _columns(section: str, sign: int, **given: Any) -> list[Any]:
    """The columns of one part; all parts have the same."""
    nothing = {
        "kind": literal(""),
        "at_ms": cast(0, BigInteger),
        "note": cast("", Text),
        "model": literal(""),
    }
    nothing |= {"key_id": literal(""), "input": cast(0, BigInteger), "output": cast(0, BigInteger)}
    columns = {"section": literal(section), "sign": literal(sign), **nothing, **given}
    return [column.label(name) for name, column in columns.items()]


def _balance(section: str, book: str, mode: str, before_ms: int) -> list[Select[Any]]:
    sums = {"entries": func.count(), "amount": func.sum(Entry.amount)}
    return [
        select(*_columns(section, sign, **sums)).where(
            column == book, Entry.mode == mode, Entry.created_ms < before_ms
        )
        for sign, column in _SIDES
    ]


def _charges(book: str) -> Select[Any]:
    """By model and key, as far as the request is in the log."""
    model, key_id = func.coalesce(Request.model, ""), func.coalesce(Request.key_id, "")
    columns = _columns(
        "charges",
        -1,
        kind=Entry.kind,
        model=model,
        key_id=key_id,
        input=_tokens("input"),
        output=_tokens("output"),
        entries=func.count(),
        amount=func.sum(Entry.amount),
    )
    is_of = Request.id == func.substr(Entry.reference, _AFTER_CHARGE)
    return (
        select(*columns)
        .select_from(Entry)
        .outerjoin(Request, is_of)
        .where(Entry.debit == book, Entry.kind == CHARGE)
        .group_by(Entry.kind, model, key_id)
    )


def _tokens(name: str) -> Any:
    return func.coalesce(func.sum(cast(Request.usage[name].as_string(), BigInteger)), 0)


def _single(sign: int) -> Select[Any]:
    columns = _columns(
        "single",
        sign,
        kind=Entry.kind,
        at_ms=Entry.created_ms,
        note=Entry.note,
        entries=literal(1),
        amount=Entry.amount,
    )
    found = select(*columns)
    return found.where(Entry.kind != CHARGE) if sign < 0 else found


def _charged(rows: Iterable[Any], column: str) -> list[Charged]:
    """The largest first."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        parts = (row.entries, row.input, row.output, row.amount)
        sums[getattr(row, column)] = [
            had + int(more) for had, more in zip(sums[getattr(row, column)], parts, strict=True)
        ]
    found = [Charged(name, *several) for name, several in sums.items()]
    return sorted(found, key=lambda charged: (-charged.amount, charged.name))
