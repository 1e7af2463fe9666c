"""Signatures: the sandbox knows again what it made, for the key and the model that it was made for."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

_SECRET = b"pronghorn sandbox"
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Seal:
    """The same text, key and model give the same signature at any time and in any process."""

    credential: str
    model: str

    def sign(self, kind: str, text: str) -> str:
        return base64.b64encode(self._mac(kind, text.encode("utf-8", "surrogatepass"))).decode()

    def is_signed(self, kind: str, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(kind, text).encode(), signature.encode("utf-8", "replace"))

    def wrap(self, kind: str, text: str) -> str:
        """The text and its signature in one, unreadable at a glance."""
        data = text.encode("utf-8", "surrogatepass")
        return base64.b64encode(self._mac(kind, data) + data).decode()

    def is_wrapped(self, kind: str, wrapped: str) -> bool:
        try:
            data = base64.b64decode(wrapped, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(self._mac(kind, data[_MAC_BYTES:]), data[:_MAC_BYTES])

    def _mac(self, kind: str, data: bytes) -> bytes:
        head = "\0".join((self.credential, self.model, kind, "")).encode("utf-8", "surrogateescape")
        return hmac.new(_SECRET, head + data, hashlib.sha256).digest()
