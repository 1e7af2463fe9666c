"""Charges by hand, and the laws that hold for all of them."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronghorn.kit.money import format_decimal
from pronghorn.ledger import prices
from pronghorn.ledger.prices import FREE, Price, PriceDocument
from pronghorn.wire.usage import Usage

ONE = 1_000_000
CHAT = {"input_usd_per_million": "2.50", "output_usd_per_million": "10"}
CACHED = CHAT | {"cache_read_usd_per_million": "1.25"}
OMNI = CHAT | {
    "audio_input_usd_per_million": "40",
    "audio_output_usd_per_million": "80",
    "image_input_usd_per_million": "5",
    "image_output_usd_per_million": "30",
    "reasoning_usd_per_million": "12",
}
TIERED = {
    "input_usd_per_million": "1.25",
    "output_usd_per_million": "10",
    "cache_read_usd_per_million": "0.31",
    "tiers": [
        {"above_input_tokens": 200_000, "input_usd_per_million": "2.50", "output_usd_per_million": "15"}
    ],
}
FILMS = {
    "per_second_usd": {"720p/silent": "0.084", "720p": "0.126", "1080p": "0.168", "4k": "0.42"},
    "per_call_usd": {"imagine/fast": "0.06", "imagine": "0.03", "default": "0.01"},
}
PICTURES = {"per_image_usd": {"standard/1024x1024": "0.04", "hd/1024x1792": "0.12", "default": "0.08"}}


def price(document: dict[str, Any]) -> Price:
    return Price(msgspec.convert(document, PriceDocument))


def usage(**counts: Any) -> Usage:
    return Usage(**counts)


@pytest.mark.parametrize(
    ("document", "used", "factor_ppm", "nano"),
    [
        # 1000 x 2.50 + 500 x 10 per million = 0.0075 USD
        (CHAT, usage(input=1000, output=500), ONE, 7_500_000),
        # cached tokens are a part of the input: 600 x 2.50 + 400 x 1.25 + 500 x 10
        (CACHED, usage(input=1000, cache_read=400, output=500), ONE, 7_000_000),
        # without a price of their own they cost what input costs
        (CHAT, usage(input=1000, cache_read=400, output=500), ONE, 7_500_000),
        # a price of zero is a price
        (CHAT | {"cache_read_usd_per_million": "0"}, usage(input=1000, cache_read=400), ONE, 1_500_000),
        # more cached tokens than input: never more than the whole
        (CACHED, usage(input=100, cache_read=400), ONE, 125_000),
        (
            CHAT | {"cache_write_5m_usd_per_million": "3.125", "cache_write_1h_usd_per_million": "5"},
            usage(input=100, cache_write_5m=20, cache_write_1h=30),
            ONE,
            50 * 2_500 + 20 * 3_125 + 30 * 5_000,
        ),
        # 30 text + 20 audio + 50 picture in; 40 text + 10 audio + 5 picture + 45 reasoning out
        (
            OMNI,
            usage(
                input=100,
                audio_input=20,
                image_input=50,
                output=100,
                audio_output=10,
                image_output=5,
                reasoning=45,
            ),
            ONE,
            30 * 2_500 + 20 * 40_000 + 50 * 5_000 + 40 * 10_000 + 10 * 80_000 + 5 * 30_000 + 45 * 12_000,
        ),
        # the tier begins above its number, and prices every token of the request
        (TIERED, usage(input=200_000, output=10), ONE, 200_000 * 1_250 + 10 * 10_000),
        (TIERED, usage(input=200_001, output=10), ONE, 200_001 * 2_500 + 10 * 15_000),
        # what a tier leaves out stays
        (
            TIERED,
            usage(input=300_000, cache_read=100_000),
            ONE,
            200_000 * 2_500 + 100_000 * 310,
        ),
        ({"per_call_usd": "0.01"}, usage(calls=1, input=99, output=99), ONE, 10_000_000),
        (CHAT | {"per_call_usd": "0.01"}, usage(calls=1, input=1000), ONE, 12_500_000),
        (PICTURES, usage(images=2, image_kind="hd/1024x1792"), ONE, 240_000_000),
        (PICTURES, usage(images=1, image_kind="standard/1024x1024"), ONE, 40_000_000),
        (PICTURES, usage(images=3, image_kind="low/512x512"), ONE, 240_000_000),
        ({"per_image_usd": "0.02"}, usage(images=3, image_kind="any/thing"), ONE, 60_000_000),
        # nothing fits and there is no default: the dearest
        (
            {"per_image_usd": {"a/b": "0.01", "c/d": "0.03"}},
            usage(images=1, image_kind="x/y"),
            ONE,
            30_000_000,
        ),
        # a default of nothing is a default
        ({"per_image_usd": {"hd/1x1": "0.01", "default": "0"}}, usage(images=1, image_kind="x/y"), ONE, 0),
        # the longest beginning of a kind that is listed
        (PICTURES, usage(images=1, image_kind="hd/1024x1792/natural"), ONE, 120_000_000),
        ({"per_second_usd": "0.0001"}, usage(seconds=61), ONE, 6_100_000),
        ({"per_second_usd": "0.0001"}, usage(seconds=61, kind="1080p"), ONE, 6_100_000),
        (FILMS, usage(seconds=5, kind="720p/silent"), ONE, 5 * 84_000_000),
        (FILMS, usage(seconds=5, kind="720p/audio"), ONE, 5 * 126_000_000),
        # neither it nor a default is listed: the dearest
        (FILMS, usage(seconds=5, kind="360p"), ONE, 5 * 420_000_000),
        (FILMS, usage(seconds=5), ONE, 5 * 420_000_000),
        (FILMS, usage(calls=1, kind="imagine/fast"), ONE, 60_000_000),
        (FILMS, usage(calls=2, kind="imagine/turbo"), ONE, 2 * 30_000_000),
        (FILMS, usage(calls=1, kind="imagined"), ONE, 10_000_000),
        (FILMS, usage(calls=1), ONE, 10_000_000),
        ({"character_usd_per_million": "15"}, usage(characters=4096), ONE, 61_440_000),
        # 7,500,000 x 0.85
        (CHAT, usage(input=1000, output=500), 850_000, 6_375_000),
        # one token of 0.000001 USD per million is 1 pico-dollar: rounded up to 1 nano-dollar
        ({"input_usd_per_million": "0.000001"}, usage(input=1), ONE, 1),
        ({"input_usd_per_million": "0.000001"}, usage(input=1000), ONE, 1),
        ({"input_usd_per_million": "0.000001"}, usage(input=1001), ONE, 2),
        # rounded once, over all lines: 0.5 + 0.5 nano-dollars are 1
        (
            {"input_usd_per_million": "0.0005", "output_usd_per_million": "0.0005"},
            usage(input=1, output=1),
            ONE,
            1,
        ),
        (CHAT, usage(), ONE, 0),
        (CHAT, usage(input=1000), 0, 0),
        ({}, usage(input=1000, output=1000, calls=1, images=1, seconds=1, characters=1), ONE, 0),
        # only the output has a price
        (
            {"image_output_usd_per_million": "40"},
            usage(input=10, output=100, image_output=100),
            ONE,
            4_000_000,
        ),
    ],
)
def test_golden_charges(document: dict[str, Any], used: Usage, factor_ppm: int, nano: int) -> None:
    assert price(document).charge(used, factor_ppm).nano == nano


def test_a_free_price_charges_and_bounds_nothing() -> None:
    used = usage(input=10**9, output=10**9, images=4, calls=1)
    assert FREE.charge(used, ONE) == (0, [])
    assert FREE.bound(used, ONE) == 0


def test_lines_name_what_was_charged() -> None:
    charge = price(CACHED).charge(usage(input=1000, cache_read=400, output=500), ONE)
    assert charge.lines == [
        ("cache_read", 400, 1_250_000),
        ("input", 600, 2_500_000),
        ("output", 500, 10_000_000),
    ]
    assert prices.explain(list(charge.lines), 850_000)[0] == {
        "component": "cache_read",
        "units": 400,
        "pico_usd": 1_250_000,
        "factor_ppm": 850_000,
    }


def test_lines_name_the_kind_whose_price_holds() -> None:
    charge = price(FILMS | PICTURES).charge(
        usage(calls=1, seconds=5, kind="720p/audio", images=1, image_kind="x/y"), ONE
    )
    assert [
        (line["component"], line.get("kind"), line["units"]) for line in prices.explain(charge.lines, ONE)
    ] == [("call", None, 1), ("second", "720p", 5), ("image", None, 1)]


def test_what_was_written_before_there_were_kinds_reads_as_it_did() -> None:
    assert prices.explain([("image", 2, 40_000_000_000)], ONE) == [
        {"component": "image", "units": 2, "pico_usd": 40_000_000_000, "factor_ppm": ONE}
    ]


def test_a_million_calls_of_a_tiny_price_sum_up_exactly() -> None:
    """T45: 10^6 calls of 0.0000037 USD are 3.70 USD, and rounding is up, once for each."""
    known, used = price({"per_call_usd": "0.0000037"}), usage(calls=1)
    assert sum(known.charge(used, ONE).nano for _ in range(1_000_000)) == 3_700_000_000
    assert sum(known.charge(used, 333_333).nano for _ in range(1_000)) == 1_234 * 1_000  # 1,233.3321
    tinier = price({"per_call_usd": "0.0000000037"})
    assert sum(tinier.charge(used, ONE).nano for _ in range(1_000)) == 4 * 1_000


def test_ten_thousand_tiny_calls_sum_up_exactly() -> None:
    """T45: no drift, whatever the number of calls."""
    tiny = price({"input_usd_per_million": "0.1"})
    assert sum(tiny.charge(usage(input=3), ONE).nano for _ in range(10_000)) == 300 * 10_000
    third = price({"input_usd_per_million": "0.0375"})
    assert sum(third.charge(usage(input=1), ONE).nano for _ in range(10_000)) == 38 * 10_000


# Laws over random prices

amounts = st.integers(0, 10**9).map(lambda micro: format_decimal(micro, decimals=6))
call_amounts = st.integers(0, 10**13).map(lambda pico: format_decimal(pico, decimals=12))
token_fields = sorted(prices.TokenPrices.__struct_fields__)
token_prices = st.dictionaries(st.sampled_from(token_fields), amounts, max_size=len(token_fields))
tiers = st.builds(
    lambda above, listed: listed | {"above_input_tokens": above}, st.integers(0, 5_000), token_prices
)
kinds = st.sampled_from(["a/b", "a", "c/d", "e/f", "default"])
documents = st.builds(
    lambda tokens, rest, steps: tokens | rest | {"tiers": steps},
    token_prices,
    st.fixed_dictionaries(
        {},
        optional={
            "per_call_usd": st.one_of(call_amounts, st.dictionaries(kinds, call_amounts)),
            "per_second_usd": st.one_of(call_amounts, st.dictionaries(kinds, call_amounts)),
            "per_image_usd": st.one_of(call_amounts, st.dictionaries(kinds, call_amounts)),
        },
    ),
    st.lists(tiers, max_size=2, unique_by=lambda tier: tier["above_input_tokens"]),
)
counts = st.integers(0, 20_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Parts within their totals, as a usage is by its definition."""
    ins, outs = draw(st.lists(counts, min_size=6, max_size=6)), draw(st.lists(counts, min_size=4, max_size=4))
    return Usage(
        input=sum(ins),
        cache_read=ins[1],
        cache_write_5m=ins[2],
        cache_write_1h=ins[3],
        audio_input=ins[4],
        image_input=ins[5],
        output=sum(outs),
        reasoning=outs[1],
        audio_output=outs[2],
        image_output=outs[3],
        calls=draw(st.integers(0, 1)),
        images=draw(st.integers(0, 10)),
        image_kind=draw(st.sampled_from(["a/b", "c/d", "x/y", ""])),
        seconds=draw(counts),
        characters=draw(counts),
        kind=draw(st.sampled_from(["a/b", "a/x", "a/b/c", "c/d", "x/y", ""])),
    )


factors = st.integers(0, 10 * ONE)


@given(document=documents, used=usages(), factor_ppm=factors)
@settings(max_examples=120)
def test_a_charge_never_exceeds_its_bound(document: dict[str, Any], used: Usage, factor_ppm: int) -> None:
    known = price(document)
    assert known.charge(used, factor_ppm).nano <= known.bound(used, factor_ppm)


@given(document=documents, used=usages(), factor_ppm=factors, more=st.integers(0, 100))
@settings(max_examples=60)
def test_the_bound_of_more_is_not_less(
    document: dict[str, Any], used: Usage, factor_ppm: int, more: int
) -> None:
    known = price(document)
    before = known.bound(used, factor_ppm)
    used.input += more
    used.output += more
    assert known.bound(used, factor_ppm) >= before


@given(document=documents, tokens_in=counts, tokens_out=counts, factor_ppm=factors)
@settings(max_examples=60)
def test_the_bound_of_tokens_alone_is_the_bound_of_one_call(
    document: dict[str, Any], tokens_in: int, tokens_out: int, factor_ppm: int
) -> None:
    known = price(document)
    one_call = Usage(input=tokens_in, output=tokens_out, calls=1)
    assert known.bound_tokens(tokens_in, tokens_out, factor_ppm) == known.bound(one_call, factor_ppm)


@given(document=documents, used=usages(), factor_ppm=factors)
@settings(max_examples=120)
def test_explain_recomputes_the_charge_to_the_nano_dollar(
    document: dict[str, Any], used: Usage, factor_ppm: int
) -> None:
    charge = price(document).charge(used, factor_ppm)
    lines = prices.explain(list(charge.lines), factor_ppm)
    exact = sum(Fraction(line["units"] * line["pico_usd"] * line["factor_ppm"], 10**9) for line in lines)
    assert charge.nano == -(-exact.numerator // exact.denominator)
    assert all(units > 0 for _, units, _ in charge.lines)
    for whole, parts in (
        ("input", ("cache", "audio_input", "image_input")),
        ("output", ("reason", "audio_o")),
    ):
        listed = sum(units for name, units, _ in charge.lines if name == whole or name.startswith(parts))
        assert listed <= getattr(used, whole)


# What is refused


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"input_usd_per_million": "-1"}, "input_usd_per_million"),
        ({"input_usd_per_million": "NaN"}, "input_usd_per_million"),
        ({"output_usd_per_million": "1e3"}, "output_usd_per_million"),
        ({"output_usd_per_million": "0.0000001"}, "output_usd_per_million"),
        ({"per_call_usd": "-0.01"}, "per_call_usd"),
        ({"per_call_usd": "0.0000000000001"}, "per_call_usd"),
        ({"per_second_usd": "Infinity"}, "per_second_usd"),
        ({"per_second_usd": {"1080p": "1e3"}}, "per_second_usd.1080p"),
        ({"per_call_usd": {"imagine": "-1"}}, "per_call_usd.imagine"),
        ({"per_call_usd": 1}, "per_call_usd"),
        ({"per_image_usd": {"hd/1x1": "-1"}}, "per_image_usd"),
        ({"per_image_usd": "free"}, "per_image_usd"),
        ({"tiers": [{"above_input_tokens": 1, "input_usd_per_million": "-1"}]}, "input_usd_per_million"),
        ({"input_usd_per_milion": "1"}, "input_usd_per_milion"),
        ({"tiers": [{"above_input_tokens": 1, "per_call_usd": "1"}]}, "per_call_usd"),
        ({"input_usd_per_million": 1.5}, "input_usd_per_million"),
        ({"tiers": [{"input_usd_per_million": "1"}]}, "above_input_tokens"),
    ],
)
def test_bad_prices_are_refused_by_name(document: dict[str, Any], named: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        price(document)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("-1", "negative"), ("NaN", "decimal number"), ("0.0000001", "more than 6 decimals"), ("", "decimal")],
)
def test_bad_prices_say_what_is_wrong(text: str, wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=wrong):
        price({"input_usd_per_million": text})


def test_two_tiers_that_begin_at_one_number_are_refused_in_words() -> None:
    step = {"above_input_tokens": 5, "input_usd_per_million": "1"}
    with pytest.raises(msgspec.ValidationError, match="tier|above_input_tokens"):
        price({"tiers": [step, step | {"input_usd_per_million": "2"}]})


def test_factors_are_exact_or_refused() -> None:
    assert prices.parse_factor("0.85") == 850_000
    assert prices.parse_factor("0") == 0
    for text in ("-1", "0.0000001", "x"):
        with pytest.raises(ValueError):
            prices.parse_factor(text)
