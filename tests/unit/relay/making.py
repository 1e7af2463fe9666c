"""Exchanges with sensible defaults, and a journal that keeps its records in a list."""

from typing import Any, cast

import msgspec
from tests.unit.routing.making import grant, model

from pronghorn.ledger.journal import Journal, Record
from pronghorn.ledger.prices import Price
from pronghorn.observability import Metrics
from pronghorn.relay import Incoming
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.exchange import Exchange
from pronghorn.routing import Grant, Model
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek

METRICS = Metrics()


class ListJournal:
    """Takes records until `is_full`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.is_full = False

    def append(self, record: Record) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        self.records.append(record)


def exchange(
    body: bytes | dict[str, Any] = b"{}",
    *,
    endpoint: str = "chat",
    key: Grant | None = None,
    known: Model | None = None,
    price: Price | None = None,
    headers: dict[bytes, bytes] | None = None,
    journal: ListJournal | None = None,
    is_stream: bool = False,
) -> Exchange:
    """Admitted: its model is known as `m` and is called `m` at the vendor."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    incoming = Incoming("req_1", headers or {}, content, None, "::1", 1_780_000_000.0)
    made = Exchange(
        incoming, key or grant(), BY_NAME[endpoint], cast(Journal, journal or ListJournal()), METRICS
    )
    made.model = known or model()
    made.model_name = made.upstream_model = made.model.name
    made.is_stream = is_stream
    if price is not None:
        made.price = price
    return made


def peek(body: bytes | dict[str, Any]) -> Peek:
    return openai.peek_decoder.decode(body if isinstance(body, bytes) else msgspec.json.encode(body))
