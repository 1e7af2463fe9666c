"""The columns of each export: their names, what is in them, and how a row of the database gives it."""

from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import msgspec

from pronghorn.commerce.rollup import COUNTS

Content = Literal["text", "count", "flag", "usd", "time"]
"""`usd` is whole nano-dollars and `time` whole milliseconds, until a file writes them in its own way."""

_usage = msgspec.json.Decoder(dict[str, Any]).decode


class Column(NamedTuple):
    name: str
    content: Content
    of: Callable[[Any], Any]
    """From a row; None is an empty cell."""


def _column(name: str, content: Content, member: str = "") -> Column:
    return Column(name, content, attrgetter(member or name))


def _used(name: str) -> Column:
    """One count of the document that the log keeps; what is not in it was none."""
    return Column(name, "count", lambda row: row.usage.get(name, 0))


def with_usage(row: Any) -> Any:
    """A row of the log with its usage read, once for all its columns."""
    return SimpleNamespace(**{**row._mapping, "usage": _usage(row.usage)})


REQUESTS = [
    _column("id", "text"),
    _column("created_at", "time", "created_ms"),
    _column("mode", "text"),
    _column("account_id", "text"),
    _column("key_id", "text"),
    _column("group", "text", "group_name"),
    _column("endpoint", "text"),
    _column("model", "text"),
    _column("upstream_model", "text"),
    _column("channel", "text", "channel_id"),
    _column("stream", "flag", "is_stream"),
    _column("status", "count"),
    _column("end_reason", "text"),
    _column("finish", "text"),
    _column("error", "text"),
    _used("input"),
    _used("output"),
    _used("cache_read"),
    _used("cache_write_5m"),
    _used("cache_write_1h"),
    _used("reasoning"),
    _used("audio_input"),
    _used("audio_output"),
    _used("image_input"),
    _used("image_output"),
    _used("images"),
    _used("seconds"),
    _used("characters"),
    Column("estimated", "flag", lambda row: row.usage.get("is_estimated", False)),
    _column("cost_usd", "usd", "cost"),
    _column("hold_usd", "usd", "hold"),
    _column("shortfall_usd", "usd", "shortfall"),
    _column("first_byte_ms", "count"),
    _column("duration_ms", "count"),
    _column("upstream_request_id", "text"),
    _column("client_ip", "text"),
    _column("attempts", "text"),
    _column("explain", "text"),
]
ENTRIES = [
    _column("id", "count"),
    _column("created_at", "time", "created_ms"),
    _column("mode", "text"),
    _column("kind", "text"),
    _column("debit", "text"),
    _column("credit", "text"),
    _column("amount_usd", "usd", "amount"),
    _column("reference", "text"),
    _column("note", "text"),
]
_MONEY = ("cost", "shortfall")
USAGE = [
    _column("start_at", "time", "start_ms"),
    _column("mode", "text"),
    _column("account_id", "text"),
    _column("key_id", "text"),
    Column("channel", "text", lambda row: row.channel_id or None),
    _column("model", "text"),
    _column("group", "text", "group_name"),
    *(_column(name, "count") for name in COUNTS if name not in _MONEY),
    *(_column(f"{name}_usd", "usd", name) for name in _MONEY),
]
