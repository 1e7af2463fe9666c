"""Thought signatures: base64 for Google's clients, whatever the vendor's own ones look like.

Those of other vendors travel in the wrapping that all dialects share, once more in base64, because clients decode it.
"""

import base64
import binascii

from pronghorn.convert import opaque
from pronghorn.convert.turn import Signature, Thinking

NAME = "generate"
DUMMY = "context_engineering_is_the_way_to_go"
"""What Google lets pass for calls that another model made.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures"""

_WRAPPED = base64.b64encode(b"ph1.")[:5].decode()
_REDACTED = "."
"""Stands behind the signature of thinking that has no text, for its own dialect's sake."""


def write(signature: Signature, *, is_redacted: bool = False) -> str:
    if signature.origin == NAME:
        return signature.data
    wrapped = opaque.wrap(signature, NAME) + (_REDACTED if is_redacted else "")
    return base64.b64encode(wrapped.encode()).decode()


def read(text: str) -> tuple[Signature, bool]:
    """The signature, and whether it is one of thinking that has no text."""
    if text.startswith(_WRAPPED):
        try:
            wrapped = base64.urlsafe_b64decode(_padded(text.replace("+", "-").replace("/", "_"))).decode()
        except (binascii.Error, ValueError):
            return Signature(NAME, text), False
        is_redacted = wrapped.endswith(_REDACTED)
        signature = opaque.unwrap(wrapped.removesuffix(_REDACTED) if is_redacted else wrapped, NAME)
        if signature.origin != NAME:
            return signature, is_redacted
    return Signature(NAME, text), False


def read_thinking(text: str, proof: str | None) -> Thinking:
    if not proof:
        return Thinking(text)
    signature, is_redacted = read(proof)
    return Thinking(text, signature, is_redacted=is_redacted and not text)


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
