"""Known head: who keeps a connection sends the same head with each request, and only the length in it changes.

Bytes that were parsed and found good once need neither a second time. What differs from them by a single byte goes
through the parser like everything else.
"""

from typing import Any
from weakref import ref

_LENGTH = b"\r\ncontent-length:"
MAX_DIGITS = 9
SHORT_BYTES = 64 * 1024
"""A body that may be waited for with its head: many clients write the two apart."""


class KnownHead:
    """The head of a request that was read whole, cut around its length."""

    __slots__ = ("_after", "_before", "_fields", "_headers", "_place", "_scope", "about")

    def __init__(self, before: bytes, after: bytes, scope: dict[str, Any]) -> None:
        self._before = before
        self._after = after
        self._scope = scope
        self._headers = scope["headers"]
        self._fields: dict[bytes, bytes] = scope["pronghorn.headers"]
        self._place = [name for name, _ in self._headers].index(b"content-length")
        self.about: tuple[ref[Any], Any] | None = None
        """What the application remembers of such a request, and a weak reference to what it is true of: connections
        that sleep keep nothing alive."""

    def body_of(self, data: bytes) -> bytes | None:
        """The body of a request with this head; None if `data` is anything but one such request, whole."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + MAX_DIGITS + 1)
        if end < 0 or not data.startswith(after, end):
            return None
        digits, begin = data[start:end], end + len(after)
        if digits != b"%d" % (len(data) - begin):
            return None
        return data[begin:]

    def is_begun_by(self, data: bytes) -> bool:
        """`data` is this head with a part of a short body, or none of it yet."""
        before, after = self._before, self._after
        start = len(before)
        end = data.find(b"\r", start, start + MAX_DIGITS + 1)
        if end < 0 or not (data.startswith(before) and data.startswith(after, end)):
            return False
        digits = data[start:end]
        return digits.isdigit() and len(data) - end - len(after) < int(digits) <= SHORT_BYTES

    def scope(self, length: int) -> Any:
        """Of a request with a body of `length` bytes."""
        headers = self._headers.copy()
        headers[self._place] = (b"content-length", b"%d" % length)
        return {**self._scope, "headers": headers, "pronghorn.headers": self.fields(length), "state": {}}

    def fields(self, length: int) -> dict[bytes, bytes]:
        """The headers of a request with a body of `length` bytes; of a repeated one the last."""
        fields = self._fields.copy()
        fields[b"content-length"] = b"%d" % length
        return fields


def learn(data: bytes, scope: dict[str, Any]) -> KnownHead | None:
    """`data` was read last and `scope` is the last request in it. None: it is not one request alone, or nothing that
    could come again.
    """
    fields = scope["pronghorn.headers"]
    length = fields.get(b"content-length", b"")
    if scope["method"] != "POST" or b"expect" in fields or not length.isdigit():
        return None
    begin = data.find(b"\r\n\r\n") + 4
    if begin < 4 or length != b"%d" % int(length) or len(data) - begin > int(length):
        return None
    head = data[:begin]
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0 or length not in head[at:] or b"\r\nupgrade:" in lowered:
        return None
    start = head.index(length, at + len(_LENGTH))
    return KnownHead(head[:start], head[start + len(length) :], scope)
