"""List price: an entry of genai-prices as a price document. What cannot be said in one is named in a note."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices
from genai_prices.types import Tier as Step

from pronghorn.kit.money import format_decimal
from pronghorn.ledger.prices import PriceDocument, Tier

_TOKENS = {
    "input_mtok": "input_usd_per_million",
    "output_mtok": "output_usd_per_million",
    "cache_read_mtok": "cache_read_usd_per_million",
    "cache_write_mtok": "cache_write_5m_usd_per_million",
    "cache_write_1h_mtok": "cache_write_1h_usd_per_million",
    "input_audio_mtok": "audio_input_usd_per_million",
    "output_audio_mtok": "audio_output_usd_per_million",
    "input_image_mtok": "image_input_usd_per_million",
    "output_image_mtok": "image_output_usd_per_million",
    "output_reasoning_mtok": "reasoning_usd_per_million",
    "input_mchars": "character_usd_per_million",
}
_HOURS = ("audio_hours", "input_audio_hours")
_CALLS = "requests_kcount"


class Listed(NamedTuple):
    """The prices in force on a day."""

    prices: ModelPrice
    since: date | None
    is_peak: bool


class ListPrice(NamedTuple):
    price: PriceDocument | None
    remarks: list[str]


def in_force(model: ModelInfo, today: date) -> Listed:
    """The last list that has begun; where a price depends on the hour, the dearest, so that none is sold at a loss."""
    if isinstance(model.prices, ModelPrice):
        return Listed(model.prices, None, is_peak=False)
    begun, since, at = model.prices[0].prices, None, 0
    for position, entry in enumerate(model.prices):
        if entry.constraint is None:
            begun, since, at = entry.prices, None, position
        elif isinstance(entry.constraint, StartDateConstraint) and entry.constraint.start_date <= today:
            begun, since, at = entry.prices, entry.constraint.start_date, position
    # Lists further down refine the one that has begun.
    by_hour = [entry.prices for entry in model.prices[at + 1 :] if _is_by_hour(entry)]
    dearest = max([begun, *by_hour], key=_weight)
    return Listed(dearest, since, is_peak=bool(by_hour))


def next_change(models: Sequence[ModelInfo], today: date) -> date | None:
    """The first day after today on which one of these models gets another price."""
    days = [
        entry.constraint.start_date
        for model in models
        if not isinstance(model.prices, ModelPrice)
        for entry in model.prices
        if isinstance(entry.constraint, StartDateConstraint) and entry.constraint.start_date > today
    ]
    return min(days, default=None)


def _is_by_hour(entry: ConditionalPrice) -> bool:
    return entry.constraint is not None and not isinstance(entry.constraint, StartDateConstraint)


def _weight(prices: ModelPrice) -> Decimal:
    return sum((_base(value) for value in _amounts(prices).values()), Decimal(0))


def document(prices: ModelPrice) -> ListPrice:
    """The price document, None when nothing in the list can be charged."""
    amounts = _amounts(prices)
    remarks: list[str] = []
    fields = {
        field: _decimal(_base(amounts[key]), 6, remarks) for key, field in _TOKENS.items() if key in amounts
    }
    hours = next((amounts[key] for key in _HOURS if key in amounts), None)
    if hours is not None:
        fields["per_second_usd"] = _decimal(_base(hours) / 3600, 12, remarks)
    if _CALLS in amounts:
        fields["per_call_usd"] = _decimal(_base(amounts[_CALLS]) / 1000, 12, remarks)
    left_out = sorted(amounts.keys() - _TOKENS.keys() - {*_HOURS, _CALLS})
    if left_out:
        remarks.append("not charged: " + ", ".join(left_out))
    if not fields:
        return ListPrice(None, remarks)
    return ListPrice(PriceDocument(tiers=_tiers(amounts, remarks), **fields), remarks)


def _amounts(prices: ModelPrice) -> dict[str, Decimal | TieredPrices]:
    """What the list has, without zeros: a list price of zero means that nobody knows it."""
    return {key: value for key, value in vars(prices).items() if value is not None and _base(value) > 0}


def _base(value: Decimal | TieredPrices) -> Decimal:
    return value.base if isinstance(value, TieredPrices) else value


def _tiers(amounts: dict[str, Decimal | TieredPrices], remarks: list[str]) -> list[Tier]:
    tiered: dict[str, list[Step]] = {}
    for key, field in _TOKENS.items():
        value = amounts.get(key)
        if isinstance(value, TieredPrices):
            tiered[field] = value.tiers
    tiers = []
    for start in sorted({step.start for steps in tiered.values() for step in steps}):
        # A tier of ours replaces the base and not the tier before it, so each has all that changed up to it.
        reached = {
            field: [step.price for step in steps if step.start <= start] for field, steps in tiered.items()
        }
        fields = {field: _decimal(prices[-1], 6, remarks) for field, prices in reached.items() if prices}
        tiers.append(Tier(above_input_tokens=start, **fields))
    return tiers


def _decimal(value: Decimal, decimals: int, remarks: list[str]) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING)
    if rounded != value and "rounded up" not in remarks:
        remarks.append("rounded up")
    return format_decimal(int(rounded.scaleb(decimals)), decimals=decimals)
