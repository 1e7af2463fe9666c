"""Currencies: rates as operators write them, and prices that are rounded up, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit.currency import MAX_RATE, Rate, format_minor, parse_minor, parse_rate
from pronghorn.kit.money import MAX_NANO, NANO_PER_USD, parse_usd


@pytest.mark.parametrize(
    ("rate", "usd", "price"),
    [
        ("USD=1", "20", 2000),
        ("USD=1", "0.01", 1),
        ("USD=1", "0.000000001", 1),
        ("USD=1", "20.001", 2001),
        ("CNY=7.3", "1", 730),
        ("CNY=7.3", "0.01", 8),
        ("CNY=7.123456", "1", 713),
        ("CNY=7.123456", "10000", 7123456),
        ("JPY=150.5", "1", 151),
        ("JPY=150.5", "2", 301),
        ("KRW=1400", "10", 14000),
        ("EUR=0.9", "1", 90),
    ],
)
def test_a_price_is_the_amount_at_the_rate_rounded_up(rate: str, usd: str, price: int) -> None:
    assert parse_rate(rate).price(parse_usd(usd)) == price


@given(
    nano=st.integers(1, MAX_NANO),
    millionths=st.integers(1, MAX_RATE),
    currency=st.sampled_from(["USD", "CNY", "JPY"]),
)
def test_a_price_is_never_below_its_worth_and_less_than_a_unit_above(
    nano: int, millionths: int, currency: str
) -> None:
    minor = 1 if currency == "JPY" else 100
    price = Rate(currency, millionths).price(nano)
    worth = nano * millionths * minor
    unit = NANO_PER_USD * 10**6
    assert worth <= price * unit < worth + unit
    assert 0 < price <= MAX_NANO
    assert parse_minor(format_minor(price, currency), currency) == price


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(7300, "CNY", "73.00"), (7301, "CNY", "73.01"), (5, "USD", "0.05"), (1500, "JPY", "1500")],
)
def test_minor_units_are_shown_as_people_write_them(minor: int, currency: str, text: str) -> None:
    assert format_minor(minor, currency) == text
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize("text", ["73.001", "1e2", "", "NaN", "1,00", " 1"])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_minor(text, "CNY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CNY",
        "CNY=",
        "cny=7",
        "CNYY=7",
        "CNY=0",
        "CNY=-7",
        "CNY=0.0000001",
        "CNY=1000001",
        "CNY=NaN",
        "KWD=0.3",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rate(text)
