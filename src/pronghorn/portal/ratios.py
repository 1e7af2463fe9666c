"""Ratios: our prices in the words of dashboards of this family.

There, ratio 1 is 2 USD per million tokens, and other prices of a model are multiples of its input price. Prices stay
whole numbers until the last division, so each ratio is the double next to the exact one.

What ratios cannot say, prices by length of the context or output without input, is said as an expression, whose
numbers are exact decimals: USD per million of `p` (prompt), `c` (completion), `cr` (cache read), `cc` and `cc1h`
(cache writes), `img`, `ai` (pictures and sound in), `img_o`, `ao` (out).
"""

from typing import Any, NamedTuple

import msgspec

from pronghorn.kit.money import format_decimal
from pronghorn.ledger.prices import Price, PriceDocument, TokenPrices

PICO_OF_RATIO_1 = 2_000_000
"""2 USD per million tokens are so many pico-dollars a token."""
PICO_PER_USD = 10**12
_VARIABLES = {
    "input": "p",
    "output": "c",
    "cache_read": "cr",
    "cache_write_5m": "cc",
    "cache_write_1h": "cc1h",
    "image_input": "img",
    "audio_input": "ai",
    "image_output": "img_o",
    "audio_output": "ao",
}


class Single(NamedTuple):
    """A price for one of something, and of what."""

    pico: int
    unit: str


def ratio(whole: int, of: int) -> int | float:
    """The quotient, rounded correctly once; a whole number as such."""
    if not of:
        return 0
    return whole // of if whole % of == 0 else whole / of


def of(price: Price) -> dict[str, Any]:
    """The fields of a price list's line that speak of money."""
    document = price.document
    fields: dict[str, Any] = {"quota_type": 0, "model_ratio": 0, "model_price": 0, "completion_ratio": 0}
    single = _single(price)
    if single is not None:
        fields |= {
            "quota_type": 1,
            "model_price": ratio(single.pico, PICO_PER_USD),
            "price_unit": single.unit,
        }
    else:
        fields |= _token_ratios(price)
    if single is None and _needs_expression(price):
        fields |= {"billing_mode": "tiered_expr", "billing_expr": expression(price)}
    return {**fields, "price_usd": msgspec.to_builtins(document)}


def _single(price: Price) -> Single | None:
    """None where tokens or characters are what is paid for. Of prices by kind, the one of no kind."""
    if price.rate("input") or price.rate("output") or price.rate("character"):
        return None
    for unit in ("call", "image", "second"):
        if price.rate(unit):
            return Single(price.rate(unit), unit)
    return None


def _token_ratios(price: Price) -> dict[str, Any]:
    rate = price.rate
    whole = rate("input")
    if not whole and not rate("output"):
        return {"model_ratio": ratio(rate("character"), PICO_OF_RATIO_1), "price_unit": "1M characters"}
    if not whole:
        # Output alone costs: the expression says so, and this is never less than it.
        return {"model_ratio": ratio(rate("output"), PICO_OF_RATIO_1), "completion_ratio": 1}
    return {
        "model_ratio": ratio(whole, PICO_OF_RATIO_1),
        "completion_ratio": ratio(rate("output"), whole),
        "cache_ratio": ratio(rate("cache_read"), whole),
        "create_cache_ratio": ratio(rate("cache_write_5m"), whole),
        "image_ratio": ratio(rate("image_input"), whole),
        "audio_ratio": ratio(rate("audio_input"), whole),
        "audio_completion_ratio": ratio(rate("audio_output"), rate("audio_input")),
        "price_unit": "1M tokens",
    }


def _needs_expression(price: Price) -> bool:
    has_tokens = bool(price.rate("input") or price.rate("output"))
    is_one_sided = bool(price.rate("output")) and not price.rate("input")
    return bool(price.document.tiers) or is_one_sided or (has_tokens and price.is_by_call)


def expression(price: Price) -> str:
    tiers = sorted(price.document.tiers, key=lambda tier: tier.above_input_tokens)
    parts = [f'tier("base", {_terms(price)})']
    for tier in tiers:
        stepped = Price(_merged(price.document, tier))
        parts.append(f'tier("above_{tier.above_input_tokens}", {_terms(stepped)})')
    said = parts[-1]
    for tier, part in zip(reversed(tiers), reversed(parts[:-1]), strict=True):
        said = f"len <= {tier.above_input_tokens} ? {part} : {said}"
    return said


def _merged(document: PriceDocument, tier: TokenPrices) -> PriceDocument:
    """What a tier leaves out stays."""
    names = TokenPrices.__struct_fields__
    given = {name: getattr(tier, name) for name in names if getattr(tier, name) is not None}
    return msgspec.structs.replace(document, tiers=[], **given)


def _terms(price: Price) -> str:
    """Parts that cost what their whole does are counted with it."""
    rate = price.rate
    terms = []
    for part, variable in _VARIABLES.items():
        whole = "output" if part in ("output", "image_output", "audio_output") else "input"
        if part == whole or rate(part) != rate(whole):
            terms.append(f"{variable} * {format_decimal(rate(part), decimals=6)}")
    if price.is_by_call:
        terms.append(format_decimal(rate("call"), decimals=6))
    return " + ".join(terms)
