"""Spelling: how codes that people type are written: without look-alikes, and so that a typing error is noticed.

A code is 16 characters of 31 (no 0, 1, I, L, O), shown as `PH-XXXX-XXXX-XXXX-XXXX`. 15 are random: 31^15 is more
than 2^74, so that nobody finds a code by trying. Against a million open codes, a thousand tries a second need
hundreds of thousands of years for one hit; tries need no counting. The last character is a checksum.
"""

import secrets
import unicodedata

from pronghorn.errors import BadRequest

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_SIZE = len(ALPHABET)
"""A prime, so that the checksum sees every wrong character and every swap of two different ones."""
_RANDOM = 15
_GROUP = 4
PREFIX = "PH"
EXAMPLE = "PH-XXXX-XXXX-XXXX-XXXX"
MAX_TYPED = 100


def new_code() -> str:
    """A code as it is shown once, from the system's secure source."""
    body = random_text(_RANDOM)
    return show(body + _checksum(body))


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def show(symbols: str) -> str:
    groups = (symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))
    return "-".join((PREFIX, *groups))


def hint(code: str) -> str:
    """What lists show: twelve characters stay unknown, among them 2^59 codes."""
    return f"{PREFIX}-…{code[-_GROUP:]}"


def read_code(typed: str) -> str:
    """A code as it was shown, however it was typed. Raises `BadRequest` for what cannot be one, without a look-up.

    The message never holds what was typed: one wrong character makes no secret public.
    """
    symbols = plain(typed)
    if len(symbols) == len(PREFIX) + _RANDOM + 1:
        symbols = symbols.removeprefix(PREFIX)
    if len(symbols) != _RANDOM + 1:
        raise _mistyped(f"a code looks like {EXAMPLE}: {_RANDOM + 1} characters after {PREFIX}")
    if not set(symbols) <= set(ALPHABET):
        raise _mistyped("a code has no 0, 1, I, L or O, and nothing but letters and digits")
    if _checksum(symbols[:-1]) != symbols[-1]:
        raise _mistyped("there is a typing error in this code; compare it with the card")
    return show(symbols)


def plain(typed: str) -> str:
    """Capitals without blanks, dashes and what is invisible; full-width ones as ASCII."""
    folded = unicodedata.normalize("NFKC", typed[:MAX_TYPED]).upper()
    return "".join(
        each for each in folded if not each.isspace() and unicodedata.category(each) not in ("Pd", "Cf")
    )


def _checksum(body: str) -> str:
    return ALPHABET[sum(place * ALPHABET.index(each) for place, each in enumerate(body, 1)) % _SIZE]


def _mistyped(message: str) -> BadRequest:
    return BadRequest(f"code: {message}", param="code", code="code_mistyped")
