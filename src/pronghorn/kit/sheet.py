"""Sheet: rows as CSV that any spreadsheet opens as text: no cell is ever a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet compute a cell instead of showing it; some read the full-width signs as the plain ones."""


def sheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines that end in CR LF (RFC 4180); the first one names the columns."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: str) -> str:
    """`value`, behind an apostrophe if it would be a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value
