"""What a vendor's error status means for the caller: their fault, the vendor's, or the operator's.

A vendor's words about the request itself are passed on. Its words about our account there never are.
"""

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

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


ABOUT_US = (
    "Your credit balance is too low",
    "API key not valid",
    "API key expired",
    "User location is not supported",
    "Incorrect API key provided",
    "Access denied, please make sure your account is in good standing",
)
"""How messages begin that come with a 400 though they are about our account: Anthropic's, Gemini's, xAI's, Qwen's."""

WORDS = ("message", "detail", "error")
"""Members with the words of those who have no `error.message`: vLLM, FastAPI's kin, xAI. Beside others, `error` is
only a name.
"""


class _Error(msgspec.Struct):
    """Any type, since an odd member makes the words beside it no worse."""

    code: Any = None
    type: Any = None
    message: Any = None
    details: Any = None
    """Gemini's are a list of objects."""


class _Body(msgspec.Struct):
    error: _Error | None = None


def read(answer: Answer, body: bytes, channel: Channel) -> UpstreamError:
    error = _classify(answer, _with_error(body, channel.vendor.words), channel)
    error.upstream_status = answer.status
    return error


def _classify(answer: Answer, body: bytes, channel: Channel) -> UpstreamError:
    status = answer.status
    error = _read(body)
    word = None if error is None else str(error.code or error.type or "")
    if status in (401, 402, 403) or word == "insufficient_quota" or _is_about_us(error):
        return UpstreamRefusedUs(
            f"the vendor refused the gateway's own credential (status {status}); the operator has to look at it"
        )
    if status in ABOUT_THE_REQUEST and word is not None:
        return UpstreamRejected(status, scrubbed(body, channel), answer.header(b"content-type"))
    if status == 429:
        return UpstreamLimited(retry_after_s=_retry_after_s(answer, error))
    if status in (408, 504):
        return UpstreamTimeout(f"the vendor gave up waiting (status {status}); nothing was charged")
    return UpstreamError(f"the vendor answered with status {status}; nothing was charged, try again")


def _with_error(body: bytes, own: str) -> bytes:
    """The body with the vendor's words in `error.message`, where all dialects have them.

    `own`: the member that this vendor has them in.
    """
    if _read(body) is not None:
        return body
    try:
        members = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return body
    said = next((members[name] for name in (own, *WORDS) if members.get(name)), None)
    if said is None:
        return body
    text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    error = {
        "type": "invalid_request_error",
        "message": text,
        "param": None,
        "code": members.get("code"),
    }
    return msgspec.json.encode({"type": "error", "error": error})


def _read(body: bytes) -> _Error | None:
    """None if the body is no error in JSON."""
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (ValueError, RecursionError):
        return None


def _is_about_us(error: _Error | None) -> bool:
    """Of the message only the beginning counts: what follows may be the caller's own words."""
    if error is None:
        return False
    return "API_KEY_INVALID" in _details(error, "reason") or str(error.message).startswith(ABOUT_US)


def _details(error: _Error, name: str) -> list[Any]:
    """What the details have under one name."""
    details = error.details if isinstance(error.details, list) else []
    return [detail[name] for detail in details if isinstance(detail, dict) and detail.get(name)]


def scrubbed(body: bytes, channel: Channel) -> bytes:
    """Host names are the same in any letters, and JSON may write each letter in escapes."""
    if b"\\" in body:
        body = _without_escapes(body, channel)
    for secret in channel.secrets:
        body = body.replace(secret, b"***")
    return re.sub(re.escape(channel.origin.host.encode()), b"***", body, flags=re.IGNORECASE)


def _without_escapes(body: bytes, channel: Channel) -> bytes:
    """`body` written anew, if escapes hide a secret in it."""
    try:
        plain = msgspec.json.encode(msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return body
    return plain if any(plain.count(secret) > body.count(secret) for secret in channel.secrets) else body


def _retry_after_s(answer: Answer, error: _Error | None) -> float | None:
    """Seconds or a date from the header, or as Gemini says it: `34s` or `34.07s` in the details."""
    text = answer.header(b"retry-after").decode("latin-1")
    if not text and error is not None:
        text = str(next(iter(_details(error, "retryDelay")), ""))
    seconds = text.strip().removesuffix("s").partition(".")[0]
    if seconds.isdecimal() and seconds.isascii():
        return min(float(seconds), MAX_RETRY_AFTER_S)
    until, now = _date(text), _date(answer.header(b"date").decode("latin-1"))
    if until is None:
        return None
    # By the vendor's own clock, if it shows it: ours may go differently.
    wait_s = until - (time.time() if now is None else now)
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
