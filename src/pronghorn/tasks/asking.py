"""Asking: one request of an adapter to a channel, with one of its credentials; the answer as decoded JSON."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from pronghorn.errors import UpstreamError
from pronghorn.routing import Channel
from pronghorn.upstream import Call, Client, Deadlines, request_head
from pronghorn.vendors.task import Ask

SUBMITTING = Deadlines(connect=10.0, first_byte=90.0, idle=30.0, total=100.0)
LOOKING = Deadlines(connect=5.0, first_byte=15.0, idle=10.0, total=20.0)
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_FINGERPRINT_BYTES = 12


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
    try:
        return answer.status, msgspec.json.decode(text) if text else None
    except (ValueError, RecursionError):
        return answer.status, None


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


def check_answered(status: int, reply: Any) -> None:
    """Raises `UpstreamError` unless there is an answer to be read."""
    if status >= 500 or status in (401, 403, 408, 429) or reply is None:
        raise UpstreamError(f"the vendor answered with status {status}")
