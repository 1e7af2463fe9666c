"""Refusals in the object that Suno's and Udio's answers have around them: a code word, a message, no data."""

from collections.abc import Mapping

import msgspec

from pronghorn.convert import errors
from pronghorn.convert.errors import JSON_HEADER, Rendered
from pronghorn.errors import (
    ModelNotFound,
    NoChannel,
    NoCredit,
    PronghornError,
    UpstreamDropped,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)

_KINDS: tuple[tuple[type[PronghornError] | tuple[type[PronghornError], ...], int, str], ...] = (
    (NoCredit, 403, "quota_not_enough"),
    ((NoChannel, ModelNotFound), 503, "provider_not_found"),
    (
        (UpstreamUnreachable, UpstreamDropped, UpstreamTimeout, UpstreamTruncated),
        500,
        "do_request_failed",
    ),
    (UpstreamError, 0, "fail_to_fetch_task"),
)
"""What has a status or a word of its own here; 0: the status that it has everywhere."""
_WORDS: Mapping[str, tuple[int, str]] = {
    "task_not_exist": (400, "task_not_exist"),
    "parent_unavailable": (400, "channel_not_found"),
}
"""Statuses and words by our own words, where those say more than the kind of error."""
_KEPT = frozenset((429, 503))
"""Statuses under which our own words stay: they say when to come back."""


def refused(error: PronghornError, request_id: str, family: str) -> Rendered:
    """The vendor's own words, where it found fault with the request, else ours."""
    if isinstance(error, UpstreamRejected) and error.dialect == family:
        return Rendered(error.upstream_status, [JSON_HEADER], error.body)
    status, code = _told(error)
    return envelope(error, status, code, f"{error.message} (request id: {request_id})", request_id)


def envelope(error: PronghornError, status: int, code: str, message: str, request_id: str) -> Rendered:
    body = {"code": code, "message": message, "data": None}
    headers = errors.render("chat", error, request_id).headers
    return Rendered(status, headers, msgspec.json.encode(body))


def _told(error: PronghornError) -> tuple[int, str]:
    if error.code_word in _WORDS:
        return _WORDS[error.code_word]
    for kinds, status, code in _KINDS:
        if isinstance(error, kinds):
            return status or error.status, code
    if error.status in _KEPT:
        return error.status, error.code_word
    return error.status, "invalid_request" if error.status < 500 else "internal_error"
