"""Row: one model of the catalogue before it is stored."""

import msgspec

from pronghorn.ledger.prices import PriceDocument


class CatalogueRow(msgspec.Struct, kw_only=True, frozen=True):
    name: str
    vendor: str
    display_name: str
    description: str = ""
    capabilities: tuple[str, ...]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    is_retired: bool = False
    price: PriceDocument | None = None
    """None: unknown. The price of a model that is free says so with a zero."""
    price_note: str = ""
