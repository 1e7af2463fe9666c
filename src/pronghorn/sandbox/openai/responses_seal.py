"""Opaque tokens, such as encrypted reasoning: the sandbox makes them, and knows its own when they come back.

The key is no secret: it shows changes, which is all that is promised, and lets tokens outlive a restart.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Any

_KEY = b"pronghorn sandbox"
_NONCE_BYTES = 12
_MAC_BYTES = 16


def seal(kind: str, content: Any) -> str:
    """`content`, anything that JSON can say, as a token of this kind."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    hidden = _veiled(json.dumps([kind, content]).encode(), nonce)
    return base64.urlsafe_b64encode(nonce + _mac(nonce + hidden) + hidden).decode()


def unseal(kind: str, token: Any) -> Any:
    """What was sealed. Raises `ValueError` for anything but an unchanged token of this kind."""
    if not isinstance(token, str):
        raise ValueError("a token is a text")
    try:
        data = base64.b64decode(token, b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    nonce, mac, hidden = (
        data[:_NONCE_BYTES],
        data[_NONCE_BYTES:][:_MAC_BYTES],
        data[_NONCE_BYTES + _MAC_BYTES :],
    )
    if not hmac.compare_digest(mac, _mac(nonce + hidden)):
        raise ValueError("changed")
    found, content = json.loads(_veiled(hidden, nonce))
    if found != kind:
        raise ValueError(f"sealed as {found}")
    return content


def _mac(data: bytes) -> bytes:
    return hmac.digest(_KEY, data, "sha256")[:_MAC_BYTES]


def _veiled(data: bytes, nonce: bytes) -> bytes:
    """Twice veiled is unveiled."""
    stream = hashlib.shake_256(_KEY + nonce).digest(len(data))
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(len(data))
