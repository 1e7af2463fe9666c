"""The layout of a statement: its words, facts and tables, before anybody knows whether it becomes HTML or PDF."""

from itertools import chain
from typing import Any, Literal, NamedTuple

from pronghorn.commerce import calendar
from pronghorn.commerce.statement_words import WORDS, Language, kind_word, month_words
from pronghorn.commerce.statements import Charged, Kind, Statement
from pronghorn.kit.money import NANO_PER_USD

Align = Literal["left", "right"]


class Amount(NamedTuple):
    """An exact amount in two pieces: as money is read, and the digits below a cent, which are shown fainter."""

    cents: str
    finer: str

    def __str__(self) -> str:
        return self.cents + self.finer


Cell = str | Amount


class Column(NamedTuple):
    title: str
    align: Align
    width: int
    """Parts of the whole."""


class Table(NamedTuple):
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    totals: list[list[Cell]]
    """Set apart below the rows."""
    if_empty: str


class Layout(NamedTuple):
    language: Language
    title: str
    month: str
    account: str
    facts: list[tuple[str, str]]
    balances: list[tuple[str, Amount]]
    """Opening, in, out, closing."""
    tables: list[Table]
    rule: str
    page: str
    """`{number}` and `{count}` in it are the page's."""


def layout(made: Statement, language: Language) -> Layout:
    words = WORDS[language]
    amount = _Amounts(made)
    return Layout(
        language,
        words["title" if made.mode == "live" else "title_test"],
        month_words(made.month, language),
        made.account_name,
        _facts(made, words),
        [
            (words["opening"], amount(made.opening)),
            (words["in"], amount(made.total_in)),
            (words["out"], amount(made.total_out)),
            (words["closing"], amount(made.closing)),
        ],
        [
            _summary(made, language, amount),
            _by_model(made, words, amount),
            _by_key(made, words, amount),
            _movements(made, language, amount),
        ],
        words["rule"],
        words["page"],
    )


class _Amounts:
    """Writes amounts with one number of decimals, the least that shows all of them exactly, so that they align."""

    def __init__(self, made: Statement) -> None:
        lists: list[list[Any]] = [made.came_in, made.went_out, made.models, made.keys, made.movements]
        amounts = [made.opening, made.closing, *(each.amount for each in chain(*lists))]
        self._decimals = max(_decimals(amount) for amount in amounts)

    def __call__(self, nano: int) -> Amount:
        whole, part = divmod(abs(nano), NANO_PER_USD)
        digits = f"{part:09}"[: self._decimals]
        sign = "-" if nano < 0 else ""
        return Amount(f"{sign}{whole:,}.{digits[:2]}", digits[2:])


def _decimals(nano: int) -> int:
    return max(2, len(f"{abs(nano) % NANO_PER_USD:09}".rstrip("0")))


def _facts(made: Statement, words: dict[str, str]) -> list[tuple[str, str]]:
    end_ms = made.end_ms if made.is_complete else made.made_ms
    period = f"{_minute(made, made.start_ms)} – {_minute(made, end_ms)}"
    if not made.is_complete:
        period += f" ({words['until_now']})"
    return [
        (words["account_id"], made.account_id),
        (words["period"], period),
        (words["time_zone"], made.zone.key),
        (words["currency"], words["usd"]),
        (words["made"], _minute(made, made.made_ms)),
    ]


def _minute(made: Statement, at_ms: int) -> str:
    return f"{calendar.local(at_ms, made.zone):%Y-%m-%d %H:%M}"


def _summary(made: Statement, language: Language, amount: _Amounts) -> Table:
    words = WORDS[language]
    columns = [
        Column(words["kind"], "left", 40),
        Column(words["entries"], "right", 14),
        Column(words["in"], "right", 23),
        Column(words["out"], "right", 23),
    ]

    def row(kind: Kind, *, is_in: bool) -> list[Cell]:
        pair: list[Cell] = [amount(kind.amount), ""]
        return [kind_word(kind.kind, language), f"{kind.entries:,}", *(pair if is_in else reversed(pair))]

    rows = [row(kind, is_in=True) for kind in made.came_in]
    rows += [row(kind, is_in=False) for kind in made.went_out]
    count = sum(kind.entries for kind in (*made.came_in, *made.went_out))
    total: list[Cell] = [words["total"], f"{count:,}", amount(made.total_in), amount(made.total_out)]
    return Table(words["summary"], columns, rows, [total] if rows else [], words["no_movements"])


def _by_model(made: Statement, words: dict[str, str], amount: _Amounts) -> Table:
    columns = [
        Column(words["model"], "left", 36),
        Column(words["requests"], "right", 13),
        Column(words["input"], "right", 15),
        Column(words["output"], "right", 15),
        Column(words["amount"], "right", 21),
    ]

    def row(name: str, charged: list[Charged]) -> list[Cell]:
        counts = [sum(several) for several in zip(*(each[1:4] for each in charged), strict=True)]
        return [name, *(f"{count:,}" for count in counts), amount(sum(each.amount for each in charged))]

    rows = [row(each.name or words["not_in_log"], [each]) for each in made.models]
    total = [row(words["total"], made.models)] if rows else []
    return Table(words["by_model"], columns, rows, total, words["no_charges"])


def _by_key(made: Statement, words: dict[str, str], amount: _Amounts) -> Table:
    columns = [
        Column(words["key"], "left", 66),
        Column(words["requests"], "right", 13),
        Column(words["amount"], "right", 21),
    ]
    rows: list[list[Cell]] = []
    for each in made.keys:
        name = made.key_names.get(each.name)
        title = f"{name} ({each.name})" if name else each.name or words["not_in_log"]
        rows.append([title, f"{each.requests:,}", amount(each.amount)])
    count, total = sum(each.requests for each in made.keys), sum(each.amount for each in made.keys)
    totals: list[list[Cell]] = [[words["total"], f"{count:,}", amount(total)]] if rows else []
    return Table(words["by_key"], columns, rows, totals, words["no_charges"])


def _movements(made: Statement, language: Language, amount: _Amounts) -> Table:
    words = WORDS[language]
    columns = [
        Column(words["date"], "left", 17),
        Column(words["kind"], "left", 22),
        Column(words["note"], "left", 38),
        Column(words["amount"], "right", 23),
    ]
    rows: list[list[Cell]] = [
        [_minute(made, each.created_ms), kind_word(each.kind, language), each.note, amount(each.amount)]
        for each in made.movements
    ]
    return Table(words["movements"], columns, rows, [], words["no_movements"])
