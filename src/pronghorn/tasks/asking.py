"""Asking: one request of an adapter to a channel, with one of its credentials; the answer as decoded JSON."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pronghorn.routing import Channel
from pronghorn.upstream import Call, Client, Deadlines, request_head
from pronghorn.vendors.task import Ask

SUBMITTING = Deadlines(connect=10.0, first_byte=90.0, idle=30.0, total=100.0)
LOOKING = Deadlines(connect=5.0, first_byte=15.0, idle=10.0, total=20.0)
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_FINGERPRINT_BYTES = 12
_ODD = re.compile(rb"\\u0000|\d{19}")
"""What a database or our own JSON may not be able to hold."""
_YES = ("", "0", "1", "200", "success", "ok")
"""What servers of all families write as the `code` of a good answer, or nothing."""


async def ask(
    client: Client, channel: Channel, place: int, wanted: Ask, deadlines: Deadlines, lines: bytes = b""
) -> tuple[int, Any]:
    """The status, and the body; None where it is no JSON. Sent once: raises an `UpstreamError` if no answer came.

    `lines`: more header lines, each with its CRLF.
    """
    head = request_head(channel.origin, _path(channel, wanted.path).encode(), wanted.method.encode())
    head += channel.vendor.auth.head(channel.credential(place)) + b"accept: application/json\r\n" + lines
    body = b""
    if wanted.body is not None:
        head += b"content-type: application/json\r\n"
        body = msgspec.json.encode(wanted.body)
    call = Call(channel.origin, head, body, is_repeatable=wanted.method == "GET")
    answer = await client.send(call, deadlines, whole=True, limit=MAX_ANSWER_BYTES)
    try:
        text = await answer.whole()
    finally:
        answer.release()
    return answer.status, read(text)


def read(text: bytes) -> Any:
    """JSON, without what could not be kept of it. None: it is none."""
    try:
        try:
            found = msgspec.json.decode(text)
        except ValueError:
            # Halves of characters, which Node writes, or another encoding inside a string.
            return _kept(json.loads(text.decode(errors="replace")))
        return _kept(found) if _ODD.search(text) else found
    except (ValueError, RecursionError):
        return None


def _kept(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="replace").decode().replace("\0", "")
        case int() if not -(2**63) <= value < 2**63:
            return float(str(value))  # infinite, where it is too great for that, too
        case list():
            return [_kept(one) for one in value]
        case dict():
            return {_kept(name): _kept(one) for name, one in value.items()}
        case _:
            return value


def says_yes(status: int, reply: Any) -> bool:
    """Of what was asked for: by the status, and the body's own code if it has one."""
    code = reply.get("code") if isinstance(reply, dict) else None
    return status < 400 and ("" if code is None else str(code).lower()) in _YES


def _path(channel: Channel, path: str) -> str:
    """Operators write base URLs as the chat endpoints want them, or with the family's own first segment."""
    base = channel.base_path.removesuffix("/v1")
    last = base.rpartition("/")[2]
    return (base.removesuffix(f"/{last}") if last and f"/{last}/" in path else base) + path


def fingerprint(channel: Channel, place: int, key: bytes) -> str:
    """Tells credentials of a pool apart, and says nothing of them."""
    text = channel.credential(place).encode()
    return hashlib.blake2b(text, key=key[:64], digest_size=_FINGERPRINT_BYTES).hexdigest()


def place_of(channel: Channel, credential: str, keys: Sequence[bytes]) -> int | None:
    """Where in its pool the credential is that has this fingerprint by one of the keys; None: it was taken away."""
    places = range(len(channel.candidates))
    return next(
        (place for place in places for key in keys if fingerprint(channel, place, key) == credential), None
    )
