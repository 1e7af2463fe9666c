"""API keys and admin tokens: their form, their checksum, and the keyed hash that is all we keep of them.

A key is `sk-`, then `live` or `test`, 38 random characters, and a checksum of 6: 48 base62 characters in all.
The checksum is the CRC32 of the 42 characters before it; it is public and only catches typing errors.
"""

import hmac
import re
from typing import Literal, NamedTuple
from zlib import crc32

from pronghorn.kit.ids import base62_encode, random_base62

Mode = Literal["live", "test"]

KEY_PREFIX = "sk-"
TOKEN_PREFIX = "pht-"  # noqa: S105 - a prefix, not a secret
_FORM = re.compile(r"sk-(?:live|test)[0-9A-Za-z]{44}", re.ASCII)


class NewKey(NamedTuple):
    """A key as it is shown once."""

    secret: str
    mode: Mode
    hint: str
    """What lists show: the first eleven and the last four characters."""


def new_key(mode: Mode) -> NewKey:
    body = mode + random_base62(38)
    secret = KEY_PREFIX + body + checksum(body)
    return NewKey(secret, mode, hint(secret))


def new_token() -> str:
    """An admin token for `/manage/v1`."""
    return TOKEN_PREFIX + random_base62(44)


def checksum(body: str) -> str:
    return base62_encode(crc32(body.encode()), 6)


def is_well_formed(secret: str) -> bool:
    """True if `secret` could be a key of ours: a typing error is caught here, without any look-up."""
    return _FORM.fullmatch(secret) is not None and checksum(secret[3:45]) == secret[45:]


def hint(secret: str) -> str:
    return f"{secret[:11]}…{secret[-4:]}"


def keyed_hash(hash_secret: bytes, secret: str) -> bytes:
    """HMAC-SHA256: without `hash_secret` a stolen database names no key."""
    return hmac.digest(hash_secret, secret.encode(), "sha256")
