"""Identifiers: random, URL-safe, with a prefix that says what they name."""

import random
import secrets

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def random_base62(length: int) -> str:
    """`length` characters from the system's secure source."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def new_id(prefix: str) -> str:
    """An id for something kept, such as `acc_4fGh...` (16 characters after the prefix)."""
    return f"{prefix}_{random_base62(16)}"


def request_id() -> str:
    """An id for one request: unique, not secret, and cheap enough for every request."""
    return f"req_{random.getrandbits(96):024x}"


def base62_encode(number: int, length: int) -> str:
    """`number` in base 62, left-padded with `0` to `length`."""
    digits = []
    while number:
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits)).rjust(length, "0")
