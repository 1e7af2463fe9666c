"""What a vendor's error status means for the caller: their fault, the vendor's, or the operator's.

A vendor's words about the request itself are passed on. Its words about our account there never are.
"""

import re

import msgspec

from pronghorn.errors import (
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
    UpstreamTimeout,
)
from pronghorn.routing import Channel
from pronghorn.upstream import Answer

ABOUT_THE_REQUEST = frozenset((400, 404, 409, 413, 415, 422))
MAX_RETRY_AFTER_S = 3600.0


class _Error(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None


def read(answer: Answer, body: bytes, channel: Channel) -> UpstreamError:
    error = _classify(answer, body, channel)
    error.upstream_status = answer.status
    return error


def _classify(answer: Answer, body: bytes, channel: Channel) -> UpstreamError:
    status = answer.status
    word = _word(body)
    if status in ABOUT_THE_REQUEST and word is not None:
        return UpstreamRejected(status, _scrubbed(body, channel), answer.header(b"content-type"))
    if status in (401, 402, 403) or word == "insufficient_quota":
        return UpstreamRefusedUs(
            f"the vendor refused the gateway's own credential (status {status}); the operator has to look at it"
        )
    if status == 429:
        return UpstreamLimited(retry_after_s=_retry_after_s(answer))
    if status in (408, 504):
        return UpstreamTimeout(f"the vendor gave up waiting (status {status}); nothing was charged")
    return UpstreamError(f"the vendor answered with status {status}; nothing was charged, try again")


def _word(body: bytes) -> str | None:
    """The code word of an error in JSON, perhaps empty; None if the body is no such error."""
    try:
        found = msgspec.json.decode(body, type=_Body).error
    except (ValueError, RecursionError):
        return None
    return None if found is None else str(found.code or found.type or "")


def _scrubbed(body: bytes, channel: Channel) -> bytes:
    """Host names are the same in any letters."""
    for secret in channel.secrets:
        body = body.replace(secret, b"***")
    return re.sub(re.escape(channel.origin.host.encode()), b"***", body, flags=re.IGNORECASE)


def _retry_after_s(answer: Answer) -> float | None:
    text = answer.header(b"retry-after")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdigit() else None
