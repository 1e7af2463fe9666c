"""Money as whole nano-dollars and prices as whole pico-dollars: integers only, so that sums never drift.

1 USD = 1,000,000,000 nano-dollars. A price per million tokens of `1 USD` is 1,000,000 pico-dollars a token,
so six decimals of a list price stay exact.
"""

import re

NANO_PER_USD = 1_000_000_000
PICO_PER_NANO = 1_000
MAX_NANO = 2**63 - 1
"""The largest amount a 64-bit column holds: about 9.2 billion USD."""

_DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_MAX_DIGITS = 12


def parse_decimal(text: str, *, decimals: int) -> int:
    """`text` times 10^`decimals`, exact. Raises `ValueError` that says what is wrong.

    Plain notation only: no exponent, NaN, infinity, blanks or digit groups.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a decimal number such as 12.50")
    digits, fraction = match[2].lstrip("0"), (match[3] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"{text[:40]!r} has more than {decimals} decimals")
    # Counted first: a million digits are not worth reading.
    value = int(f"0{digits}{fraction.ljust(decimals, '0')}") if len(digits) <= _MAX_DIGITS else MAX_NANO + 1
    if value > MAX_NANO:
        raise ValueError(f"{text[:40]!r} is too large")
    return -value if match[1] == "-" else value


def format_decimal(value: int, *, decimals: int, at_least: int = 0) -> str:
    """The exact inverse of `parse_decimal`, with at least `at_least` decimals shown."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0").ljust(at_least, "0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def parse_usd(text: str) -> int:
    """A decimal string in USD as nano-dollars. Raises `ValueError`."""
    return parse_decimal(text, decimals=9)


def format_usd(nano: int) -> str:
    """Nano-dollars as a decimal string in USD with at least two decimals: `"5.00"`, `"0.0000375"`."""
    if nano < 0:
        return "-" + format_usd(-nano)
    digits = f"{nano:010d}"
    return f"{digits[:-9]}.{digits[-9:-7]}{digits[-7:].rstrip('0')}"
