"""Amounts are exact or refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.kit import money


@given(st.integers(-money.MAX_NANO, money.MAX_NANO))
def test_what_is_written_reads_back_equal(nano: int) -> None:
    assert money.parse_usd(money.format_usd(nano)) == nano


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1e3", "1_0", " 1", "0.0000000001", "99999999999", "１", "1."]
)
def test_bad_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal|too large"):
        money.parse_usd(text)


@pytest.mark.parametrize("text", ["1" * 13, "1" * 20, "-" + "9" * 20, "1" * 1_000_000, "1" * 20 + ".5"])
def test_what_is_too_large_is_said_to_be(text: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        money.parse_usd(text)


def test_no_decimal_is_lost_however_far_behind() -> None:
    assert money.parse_usd("1." + "0" * 50) == money.parse_usd("0" * 50 + "1")
    with pytest.raises(ValueError, match="more than 9 decimals"):
        money.parse_usd("1." + "0" * 50 + "1")


def test_at_least_two_decimals_are_shown() -> None:
    assert money.format_usd(5 * money.NANO_PER_USD) == "5.00"
    assert money.format_usd(37_500) == "0.0000375"
    assert money.format_usd(-1) == "-0.000000001"
