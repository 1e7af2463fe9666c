"""CSV after RFC 4180: amounts are exact decimals, times ISO 8601 in UTC, and no cell is a formula.

Numbers in these files are never negative, so that only texts can begin like a formula: see `kit.sheet`.
"""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn.commerce.export_columns import Column, Content
from pronghorn.kit.clock import iso
from pronghorn.kit.money import format_usd
from pronghorn.kit.sheet import cell

BOM = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for something else."""

_WRITTEN: dict[Content, Callable[[Any], str]] = {
    "text": cell,
    "count": lambda count: str(int(count)),
    "flag": lambda flag: "true" if flag else "false",
    "usd": lambda nano: format_usd(int(nano)),
    "time": lambda millis: iso(millis / 1000),
}


class CsvFile:
    """`add` gives the bytes of some rows, the first time with the names of the columns before them."""

    def __init__(self, columns: list[Column], *, for_excel: bool = False) -> None:
        self._columns = [(column.of, _WRITTEN[column.content]) for column in columns]
        self._head: bytes = (BOM if for_excel else b"") + _lines([[column.name for column in columns]])

    def add(self, rows: Sequence[Any]) -> bytes:
        cells = [[_cell(of(row), written) for of, written in self._columns] for row in rows]
        head, self._head = self._head, b""
        return head + _lines(cells)

    def end(self) -> bytes:
        return self.add([])


def _cell(value: Any, written: Callable[[Any], str]) -> str:
    return "" if value is None else written(value)


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
