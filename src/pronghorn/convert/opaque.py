"""Signatures in foreign hands: wrapped so that a client of another dialect gives them back unharmed.

A client keeps what looks like a signature of its own dialect. Ours begin with `ph1.`, name their origin, and are
unwrapped when they come back; what does not begin so is the dialect's own.
"""

import base64
import binascii

import msgspec

from pronghorn.convert.turn import Signature

_MARK = "ph1."


def wrap(signature: Signature, dialect: str) -> str:
    """As a client of `dialect` is to keep it."""
    if signature.origin == dialect:
        return signature.data
    packed = msgspec.json.encode([signature.origin, signature.data])
    return _MARK + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def unwrap(text: str, dialect: str) -> Signature:
    """What a client of `dialect` gave back. Damaged wrapping is a signature of that dialect, which it will refuse."""
    if text.startswith(_MARK):
        packed = text.removeprefix(_MARK)
        try:
            origin, data = msgspec.json.decode(
                base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), type=tuple[str, str]
            )
            return Signature(origin, data)
        except (ValueError, binascii.Error):
            pass
    return Signature(dialect, text)
