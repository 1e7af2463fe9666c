"""Own: `models.toml`, which adds to the list of genai-prices and corrects it; media are priced by `media.toml`."""

from pathlib import Path

import msgspec

from pronghorn.ledger.catalogue.capabilities import matches
from pronghorn.ledger.catalogue.media import MediaPrice, read_media
from pronghorn.ledger.catalogue.row import CatalogueRow
from pronghorn.ledger.prices import PriceDocument

FILE = Path(__file__).parent / "models.toml"


class OwnModel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    vendor: str
    capabilities: tuple[str, ...]
    display_name: str = ""
    description: str = ""
    context_tokens: int | None = None
    is_retired: bool = False
    is_free: bool = False
    price: PriceDocument | None = None
    price_note: str = ""


class Retired(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str]


class Own(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    left_out: dict[str, list[str]]
    aliases: dict[str, str]
    retired: Retired
    output_limits: dict[str, int]
    model: list[OwnModel]

    def leaves_out(self, provider: str, name: str) -> bool:
        return matches(name, self.left_out["any"]) or matches(name, self.left_out.get(provider, ()))

    def is_retired(self, name: str) -> bool:
        return matches(name, self.retired.names)

    def output_limit(self, name: str) -> int | None:
        return next(
            (limit for pattern, limit in self.output_limits.items() if matches(name, (pattern,))), None
        )

    def rows(self) -> list[CatalogueRow]:
        media = {one.model: one for one in read_media()}
        return [self._row(model, media.get(model.name)) for model in self.model]

    def _row(self, model: OwnModel, media: MediaPrice | None) -> CatalogueRow:
        price, note = model.price, model.price_note
        if price is None and media is not None:
            price, note = media.usd, media.price_note
        if model.is_free:
            price, note = PriceDocument(per_call_usd="0"), note or "free at the vendor"
        return CatalogueRow(
            name=model.name,
            vendor=model.vendor,
            display_name=model.display_name or model.name,
            description=model.description,
            capabilities=model.capabilities,
            context_tokens=model.context_tokens,
            max_output_tokens=self.output_limit(model.name) if "chat" in model.capabilities else None,
            is_retired=model.is_retired or self.is_retired(model.name),
            price=price,
            price_note=note or ("no list price known" if price is None else ""),
        )


def read_own() -> Own:
    return msgspec.toml.decode(FILE.read_bytes(), type=Own)
