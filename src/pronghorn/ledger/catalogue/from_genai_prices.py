"""Rows from genai-prices: the vendors' own lists under their plain names, so that a name means one thing."""

from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

from genai_prices import data
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo

from pronghorn.ledger.catalogue import list_price
from pronghorn.ledger.catalogue.capabilities import capabilities_of
from pronghorn.ledger.catalogue.own import Own
from pronghorn.ledger.catalogue.row import CatalogueRow
from pronghorn.ledger.prices import PriceDocument

VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "x-ai": "xai",
    "cohere": "cohere",
    "moonshotai": "moonshot",
    "zai": "zhipu",  # before the Chinese list, whose prices are in yuan and change with the rate
    "zhipuai": "zhipu",
    "minimax": "minimax",
    "perplexity": "perplexity",
    "meta": "meta",
    "voyageai": "voyageai",
    "groq": "groq",
}
"""Providers of genai-prices and our names for them. The first that has a name keeps it."""

_LOWER_CASE = {"zhipu"}
"""Vendors whose API takes names in lower case, whatever their price page prints."""

_PACKAGE = f"genai-prices {version('genai-prices')}"

_REMARKS = {"whisper-large-v3": "the vendor bills at least 10 s a request"}


class _Named(NamedTuple):
    name: str
    provider: str
    entry: ModelInfo


def rows(own: Own, today: date) -> list[CatalogueRow]:
    found: dict[str, CatalogueRow] = {}
    for named in _names(own):
        row = _row(named, own, today)
        if row.capabilities:
            found.setdefault(named.name.lower(), row)
    return list(found.values())


def next_change(today: date) -> date | None:
    """The first day after today on which a price of the list changes."""
    return list_price.next_change([entry for _, entry in _entries()], today)


def _entries() -> Iterator[tuple[str, ModelInfo]]:
    by_id = {provider.id: provider for provider in data.providers}
    for provider_id in VENDORS:
        # A provider that a new release of the package has dropped is no reason not to start.
        if provider := by_id.get(provider_id):
            for entry in provider.models:
                yield provider_id, entry


def _names(own: Own) -> Iterator[_Named]:
    """Every name that is kept; of names that two entries claim, the one whose id it is comes first."""
    ids, aliases, by_id = [], [], dict[str, _Named]()
    for provider, entry in _entries():
        first, *others = _spellings(entry, VENDORS[provider])
        ids.append(_Named(first, provider, entry))
        aliases += [_Named(other, provider, entry) for other in others]
        by_id.setdefault(entry.id, ids[-1])
    own_aliases = [
        by_id[target]._replace(name=name) for name, target in own.aliases.items() if target in by_id
    ]
    for named in (*ids, *aliases, *own_aliases):
        if not own.leaves_out(named.provider, named.name):
            yield named


def _spellings(entry: ModelInfo, vendor: str) -> list[str]:
    """The entry's own name and its exact aliases: one spelling each, as the vendor's API takes it."""
    names = [entry.id, *_equals(entry.match)]
    dashed = {name.replace(".", "-") for name in names if "." in name}
    kept: dict[str, str] = {}
    for name in names:
        if name != entry.id and name in dashed:
            continue  # `gpt-5-4` is there to match by; OpenAI knows `gpt-5.4` only
        lower = name.lower()
        # Capitals sort first: `MiniMax-M3` is kept and not `minimax-m3`.
        kept[lower] = lower if vendor in _LOWER_CASE else min(kept.get(lower, name), name)
    return list(kept.values())


def _equals(clause: MatchLogic) -> list[str]:
    if isinstance(clause, ClauseEquals):
        return [clause.equals]
    if isinstance(clause, ClauseOr):
        return [name for part in clause.or_ for name in _equals(part)]
    return []


def _row(named: _Named, own: Own, today: date) -> CatalogueRow:
    name, provider, entry = named
    capabilities = capabilities_of(name)
    price, note = _price(entry, provider, today)
    if price and "images" in capabilities and price.image_output_usd_per_million is None:
        # Said outright: the tokens that such a model writes are pictures.
        price.image_output_usd_per_million = price.output_usd_per_million
    writes = not {"chat", "completions", "transcription"}.isdisjoint(capabilities)
    return CatalogueRow(
        name=name,
        vendor=VENDORS[provider],
        display_name=_display_name(name, entry),
        description=_description(entry),
        capabilities=capabilities,
        context_tokens=entry.context_window,
        max_output_tokens=own.output_limit(name) if writes else None,
        is_retired=own.is_retired(name),
        price=price,
        price_note=note,
    )


def _price(entry: ModelInfo, provider: str, today: date) -> tuple[PriceDocument | None, str]:
    listed = list_price.in_force(entry, today)
    price, remarks = list_price.document(listed.prices)
    source = f"{_PACKAGE}, {provider}"
    if listed.since:
        source += f", since {listed.since.isoformat()}"
    if listed.is_peak:
        remarks.append("the vendor's peak price, at all hours")
    if "OpenRouter pricing" in (entry.price_comments or ""):
        remarks.append("read at OpenRouter")
    remarks += [text for beginning, text in _REMARKS.items() if entry.id.startswith(beginning)]
    if price is None:
        remarks.insert(0, "no list price known")
    return price, "; ".join([source, *remarks])


def _display_name(name: str, entry: ModelInfo) -> str:
    """The entry's name when it is one to show (not `gpt 4o`); an alias shows itself."""
    is_alias = name.lower() != entry.id.lower()
    return name if is_alias or not entry.name or entry.name.islower() else entry.name


def _description(entry: ModelInfo) -> str:
    said = " ".join((entry.description or "").split())
    return f"{said} Deprecated by its vendor.".strip() if entry.deprecated else said
