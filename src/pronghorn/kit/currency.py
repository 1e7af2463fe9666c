"""Currencies: amounts in minor units, and what a US dollar costs in one. Whole numbers only, as for all money here."""

import re
from typing import NamedTuple

from pronghorn.kit.money import NANO_PER_USD, format_decimal, parse_decimal

RATE_DECIMALS = 6
MILLION = 10**6
MAX_RATE = MILLION * MILLION
"""A million of a currency for a dollar."""

_RATE = re.compile(r"([A-Z]{3})=(.+)", re.ASCII)
_WITHOUT_MINOR = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_ODD = frozenset(("BHD", "IQD", "ISK", "JOD", "KWD", "LYD", "OMR", "TND", "UGX"))
"""Payment providers count these in ways of their own: https://docs.stripe.com/currencies."""


class Rate(NamedTuple):
    """What a US dollar costs in a currency."""

    currency: str
    """ISO 4217, in capitals."""
    millionths: int

    def price(self, nano: int) -> int:
        """What `nano` nano-dollars cost in minor units, rounded up: the one place where it is rounded."""
        minor = 1 if self.currency in _WITHOUT_MINOR else 100
        return -(-nano * self.millionths * minor // (NANO_PER_USD * MILLION))


def parse_rate(text: str) -> Rate:
    """`CNY=7.30`: seven yuan and thirty fen a dollar. Raises `ValueError` that says what is wrong."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a rate such as CNY=7.30")
    currency, decimal = match.groups()
    if currency in _ODD:
        raise ValueError(f"{currency} is counted by each provider in its own way; take another currency")
    millionths = parse_decimal(decimal, decimals=RATE_DECIMALS)
    if not 0 < millionths <= MAX_RATE:
        raise ValueError(f"{text[:40]!r} must be more than 0 and at most a million")
    return Rate(currency, millionths)


def minor_decimals(currency: str) -> int:
    return 0 if currency in _WITHOUT_MINOR else 2


def format_minor(minor: int, currency: str) -> str:
    """As people write it: `"73.00"` for 7300 fen, `"1500"` for 1500 yen."""
    decimals = minor_decimals(currency)
    return format_decimal(minor, decimals=decimals, at_least=decimals)


def parse_minor(text: str, currency: str) -> int:
    """The inverse of `format_minor`, zeros at the end left out or not. Raises `ValueError`."""
    return parse_decimal(text, decimals=minor_decimals(currency))
