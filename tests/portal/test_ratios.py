"""Prices as ratios: each is the double next to the exact one, and what ratios cannot say is said exactly."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit import quota
from pronghorn.kit.money import format_decimal
from pronghorn.ledger.prices import Price, PriceDocument, Tier
from pronghorn.portal import ratios
from pronghorn.wire.usage import Usage

MICRO = st.integers(min_value=1, max_value=10**9)
"""A price in millionths of a dollar a million tokens."""


def usd(micro: int) -> str:
    return format_decimal(micro, decimals=6)


def line(**prices: object) -> dict[str, object]:
    return ratios.of(Price(PriceDocument(**prices)))  # type: ignore[arg-type]


@given(MICRO, MICRO, MICRO, MICRO)
def test_ratios_are_the_nearest_doubles(inp: int, out: int, read: int, write: int) -> None:
    found = line(
        input_usd_per_million=usd(inp),
        output_usd_per_million=usd(out),
        cache_read_usd_per_million=usd(read),
        cache_write_5m_usd_per_million=usd(write),
    )
    exact = {
        "model_ratio": Fraction(inp, 2 * 10**6),
        "completion_ratio": Fraction(out, inp),
        "cache_ratio": Fraction(read, inp),
        "create_cache_ratio": Fraction(write, inp),
    }
    assert {name: float(found[name]) for name in exact} == {n: float(f) for n, f in exact.items()}  # type: ignore[arg-type]
    assert (found["quota_type"], found["model_price"]) == (0, 0)


@pytest.mark.parametrize(
    ("prices", "wanted"),
    [
        # From the family's own examples: gpt-4o-mini, tts-1, dall-e-3, a call of Midjourney.
        (
            {"input_usd_per_million": "0.15", "output_usd_per_million": "0.6"},
            {"model_ratio": 0.075, "completion_ratio": 4, "cache_ratio": 1, "create_cache_ratio": 1},
        ),
        ({"character_usd_per_million": "15"}, {"model_ratio": 7.5, "price_unit": "1M characters"}),
        (
            {"per_image_usd": {"default": "0.04", "hd/1024x1024": "0.08"}},
            {"quota_type": 1, "model_price": 0.04, "price_unit": "image"},
        ),
        ({"per_image_usd": {"low/a": "0.01", "high/a": "0.2"}}, {"quota_type": 1, "model_price": 0.2}),
        ({"per_call_usd": "0.1"}, {"quota_type": 1, "model_price": 0.1, "price_unit": "call"}),
        ({"per_second_usd": "0.0001"}, {"quota_type": 1, "model_price": 0.0001, "price_unit": "second"}),
        ({"input_usd_per_million": "0"}, {"quota_type": 0, "model_ratio": 0, "completion_ratio": 0}),
        (
            {
                "input_usd_per_million": "4",
                "output_usd_per_million": "16",
                "audio_input_usd_per_million": "32",
                "audio_output_usd_per_million": "64",
                "image_input_usd_per_million": "5",
            },
            {"audio_ratio": 8, "audio_completion_ratio": 2, "image_ratio": 1.25},
        ),
    ],
)
def test_examples(prices: dict[str, object], wanted: dict[str, object]) -> None:
    found = line(**prices)
    assert {name: found[name] for name in wanted} == wanted
    assert "billing_expr" not in found


def test_output_without_input_is_an_expression_and_never_looks_cheaper() -> None:
    found = line(output_usd_per_million="12")
    assert (found["model_ratio"], found["completion_ratio"]) == (6, 1)
    assert (found["billing_mode"], found["billing_expr"]) == ("tiered_expr", 'tier("base", p * 0 + c * 12)')


def test_tiers_are_an_expression_of_exact_decimals() -> None:
    found = line(
        input_usd_per_million="1.25",
        output_usd_per_million="10",
        cache_read_usd_per_million="0.125",
        tiers=[Tier(above_input_tokens=200_000, input_usd_per_million="2.5", output_usd_per_million="15")],
    )
    assert found["billing_expr"] == (
        'len <= 200000 ? tier("base", p * 1.25 + c * 10 + cr * 0.125) : '
        'tier("above_200000", p * 2.5 + c * 15 + cr * 0.125)'
    )


@given(MICRO, MICRO, MICRO, st.integers(1, 400_000), st.integers(0, 10_000), st.integers(0, 1_000))
def test_an_expression_costs_what_the_price_charges(
    inp: int, out: int, above: int, tokens_in: int, tokens_out: int, read: int
) -> None:
    document = PriceDocument(
        input_usd_per_million=usd(inp),
        output_usd_per_million=usd(out),
        cache_read_usd_per_million=usd(inp // 2),
        per_call_usd="0.005",
        tiers=[
            Tier(above_input_tokens=200_000, input_usd_per_million=usd(above)),
            Tier(above_input_tokens=300_000, output_usd_per_million=usd(above)),
        ],
    )
    price = Price(document)
    read = min(read, tokens_in)
    usage = Usage(input=tokens_in, output=tokens_out, cache_read=read, calls=1)
    said = evaluated(ratios.expression(price), len=tokens_in, p=tokens_in - read, c=tokens_out, cr=read)
    # The expression gives millionths of a dollar; a charge is whole nano-dollars, rounded up once.
    assert price.charge(usage, 10**6).nano == -(-said * 1_000 // 1)


def evaluated(expression: str, **values: int) -> Fraction:
    """By the family's own grammar: comparisons choose, `tier` names, numbers are exact."""
    while "?" in expression:
        condition, _, rest = expression.partition(" ? ")
        chosen, _, other = rest.partition(" : ")
        length, bound = condition.split(" <= ")
        expression = chosen if values[length] <= int(bound) else other
    match = re.fullmatch(r'tier\("\w+", (.+)\)', expression)
    assert match is not None, expression
    total = Fraction(0)
    for term in match[1].split(" + "):
        variable, _, number = term.rpartition(" * ")
        total += Fraction(number) * (values.get(variable, 0) if variable else 1)
    return total


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_quota_is_rounded_against_surprise(paid_in: int, spent: int) -> None:
    """Down for what is left, up for what was used; together what was paid in, if that is whole quota."""
    assert quota.left(spent) * 2_000 <= spent <= quota.used(spent) * 2_000
    assert 0 <= quota.used(spent) - quota.left(spent) <= 1
    paid_in -= paid_in % 2_000
    if spent <= paid_in:
        assert quota.left(paid_in - spent) + quota.used(spent) == paid_in // 2_000
    assert quota.left(quota.nano(spent)) == quota.used(quota.nano(spent)) == spent


def test_what_did_cost_is_never_shown_as_nothing() -> None:
    assert (quota.used(1), quota.used(0), quota.left(1_999), quota.left(-1)) == (1, 0, 0, 0)
