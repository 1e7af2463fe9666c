"""Mark-up: what the operator multiplies list prices by, and the price that comes of it.

Each product is rounded up to a whole pico-dollar, so a marked up price is a price like any other.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pronghorn.kit.money import format_decimal, parse_decimal
from pronghorn.ledger.prices import MARKUP, PPM, Charge, Line, Price, PriceDocument
from pronghorn.store.models.markup import EVERY_VENDOR
from pronghorn.wire.usage import Usage


class MarkedUp(Price):
    """A list price times the mark-up, which every charge says. Its document is the marked up one."""

    __slots__ = ("_line",)

    def __init__(self, listed: PriceDocument, markup_ppm: int) -> None:
        super().__init__(marked_up(listed, markup_ppm))
        self._line: Line = (MARKUP, markup_ppm, 0)

    def charge(self, usage: Usage, factor_ppm: int) -> Charge:
        charge = Price.charge(self, usage, factor_ppm)
        if charge.lines:
            charge.lines.append(self._line)
        return charge


def of(markups: Mapping[str, int], vendor: str) -> int:
    """In millionths: the vendor's own mark-up, or else everybody's, or else none."""
    return markups.get(vendor, markups.get(EVERY_VENDOR, PPM))


def price(listed: PriceDocument, markup_ppm: int) -> Price:
    """A mark-up of 1 is none."""
    return Price(listed) if markup_ppm == PPM else MarkedUp(listed, markup_ppm)


def marked_up(listed: PriceDocument, markup_ppm: int) -> PriceDocument:
    """Every amount of the document times the mark-up."""
    return msgspec.convert(_multiplied(msgspec.to_builtins(listed), markup_ppm), PriceDocument)


def _multiplied(document: dict[str, Any], markup_ppm: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        decimals = 6 if name.endswith("_per_million") else 12
        if isinstance(value, str):
            found[name] = _product(value, markup_ppm, decimals)
        elif isinstance(value, dict):
            found[name] = {kind: _product(text, markup_ppm, decimals) for kind, text in value.items()}
        elif isinstance(value, list):
            found[name] = [_multiplied(tier, markup_ppm) for tier in value]
        else:
            found[name] = value  # where a tier begins
    return found


def _product(text: str, markup_ppm: int, decimals: int) -> str:
    units = parse_decimal(text, decimals=decimals)
    return format_decimal(-(-units * markup_ppm // PPM), decimals=decimals)
