"""Parquet: amounts are decimal128(38, 9), times timestamps in UTC. Heavy: loaded by the first export of this kind."""

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow
from pyarrow import parquet

from pronghorn.commerce.export_columns import Column, Content

ROWS_IN_A_GROUP = 10_000
USD_DECIMALS = 9
_TYPES: dict[Content, Any] = {
    "text": pyarrow.string(),
    "count": pyarrow.int64(),
    "flag": pyarrow.bool_(),
    "usd": pyarrow.decimal128(38, USD_DECIMALS),
    "time": pyarrow.timestamp("ms", tz="UTC"),
}


class ParquetFile:
    """`add` keeps rows until there are enough for a group, and gives the group's bytes then."""

    def __init__(self, columns: list[Column]) -> None:
        self._columns = columns
        self._schema = pyarrow.schema([(column.name, _TYPES[column.content]) for column in columns])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(
            pyarrow.PythonFile(self._sink, mode="w"), self._schema, compression="zstd"
        )
        self._kept: list[list[Any]] = [[] for _ in columns]

    def add(self, rows: Sequence[Any]) -> bytes:
        for column, kept in zip(self._columns, self._kept, strict=True):
            kept += [_value(column, row) for row in rows]
        if len(self._kept[0]) >= ROWS_IN_A_GROUP:
            self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        if self._kept[0]:
            self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        arrays = [
            pyarrow.array(kept, type=field.type) for kept, field in zip(self._kept, self._schema, strict=True)
        ]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._kept = [[] for _ in self._columns]


def _value(column: Column, row: Any) -> Any:
    value = column.of(row)
    if value is None:
        return None
    if column.content == "usd":
        return Decimal(int(value)).scaleb(-USD_DECIMALS)
    return int(value) if column.content == "count" else value


class _Sink(io.RawIOBase):
    """Takes what is written, until somebody takes it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._written += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
