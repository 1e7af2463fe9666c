"""Mark-up: a price like any other, dearer to the pico-dollar, and every charge says by how much."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.test_prices import documents, factors, price, usages

from pronghorn.kit.money import parse_decimal
from pronghorn.ledger import markup, prices
from pronghorn.ledger.markup import MarkedUp
from pronghorn.ledger.prices import PPM, Price, PriceDocument
from pronghorn.wire.usage import Usage

LISTED = PriceDocument(
    input_usd_per_million="2.50",
    output_usd_per_million="0.000001",
    per_call_usd="0.000000000001",
    per_second_usd={"720p": "0.10", "default": "0.2"},
    tiers=[prices.Tier(above_input_tokens=1000, input_usd_per_million="5")],
)
markups = st.integers(1, 1_000 * PPM)


def test_every_amount_is_multiplied_and_rounded_up() -> None:
    assert msgspec.to_builtins(markup.marked_up(LISTED, 1_200_000)) == {
        "input_usd_per_million": "3",
        "output_usd_per_million": "0.000002",
        "per_call_usd": "0.000000000002",
        "per_second_usd": {"720p": "0.12", "default": "0.24"},
        "tiers": [{"above_input_tokens": 1000, "input_usd_per_million": "6"}],
    }


def test_a_mark_up_of_one_is_none() -> None:
    assert type(markup.price(LISTED, PPM)) is Price
    assert markup.marked_up(LISTED, PPM) == markup.marked_up(markup.marked_up(LISTED, PPM), PPM)


def test_a_vendor_s_own_mark_up_comes_before_everybody_s() -> None:
    found = {"": 1_200_000, "openai": 1_100_000}
    assert [markup.of(found, vendor) for vendor in ("openai", "groq", "")] == [
        1_100_000,
        1_200_000,
        1_200_000,
    ]
    assert markup.of({"openai": 1_100_000}, "groq") == PPM


def test_each_line_of_a_charge_says_the_mark_up_that_is_in_it() -> None:
    charge = MarkedUp(LISTED, 1_200_000).charge(Usage(input=10, seconds=5, kind="720p"), 850_000)
    assert charge.nano == (10 * 3_000 + 5 * 120_000_000) * 85 // 100
    assert prices.explain(charge.lines, 850_000) == [
        {"component": "input", "units": 10, "pico_usd": 3_000_000, "factor_ppm": 850_000, "markup": "1.2"},
        {
            "component": "second",
            "kind": "720p",
            "units": 5,
            "pico_usd": 120_000_000_000,
            "factor_ppm": 850_000,
            "markup": "1.2",
        },
    ]
    assert MarkedUp(LISTED, 1_200_000).charge(Usage(), PPM) == (0, [])


@given(document=documents, used=usages(), markup_ppm=markups, factor_ppm=factors)
@settings(max_examples=100)
def test_a_marked_up_charge_is_within_its_bound_and_recomputes(
    document: dict[str, object], used: Usage, markup_ppm: int, factor_ppm: int
) -> None:
    known = MarkedUp(price(document).document, markup_ppm)
    charge = known.charge(used, factor_ppm)
    lines = prices.explain(charge.lines, factor_ppm)
    exact = sum(Fraction(line["units"] * line["pico_usd"] * factor_ppm, 10**9) for line in lines)
    assert charge.nano == -(-exact.numerator // exact.denominator) <= known.bound(used, factor_ppm)


@given(text=st.decimals("0", "1000", places=6, allow_nan=False).map(str), markup_ppm=markups)
@settings(max_examples=60)
def test_a_product_is_never_below_and_never_a_pico_dollar_above(text: str, markup_ppm: int) -> None:
    listed = PriceDocument(input_usd_per_million=text)
    dearer = markup.marked_up(listed, markup_ppm).input_usd_per_million or ""
    exact = Fraction(parse_decimal(text, decimals=6) * markup_ppm, PPM)
    assert 0 <= parse_decimal(dearer, decimals=6) - exact < 1


def test_a_product_beyond_all_amounts_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="too large"):
        markup.marked_up(PriceDocument(per_call_usd="9000000"), 1_000 * PPM)
