"""Media: `media.toml`, the list prices of pictures, video and music. Each says who printed it and when."""

from pathlib import Path
from typing import Literal

import msgspec

from pronghorn.ledger.prices import PriceDocument

FILE = Path(__file__).parent / "media.toml"

SOURCES = {
    "vendor": "the vendor's price list",
    "reseller": "a reseller that bills the vendor's list price",
    "map": "an open project's map of prices",
    "gateway": "another gateway's price",
    "proposal": "a proposal, no vendor's price",
}


class MediaPrice(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    model: str
    vendor: str
    usd: PriceDocument
    source: Literal["vendor", "reseller", "map", "gateway", "proposal"]
    date: str
    """A day, a month or a year: when the source was read."""
    note: str = ""

    @property
    def price_note(self) -> str:
        said = f"{SOURCES[self.source]}, {self.date}"
        return f"{said}; {self.note}" if self.note else said


class _Book(msgspec.Struct, forbid_unknown_fields=True):
    price: list[MediaPrice]


def read_media() -> list[MediaPrice]:
    return msgspec.toml.decode(FILE.read_bytes(), type=_Book).price
