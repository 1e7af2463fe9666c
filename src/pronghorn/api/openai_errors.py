"""Errors in OpenAI's shape, with a way out and the request id."""

import msgspec

from pronghorn.errors import PronghornError, UpstreamRejected
from pronghorn.relay.incoming import Headers

_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    409: "conflict",
    413: "invalid_request_error",
    415: "invalid_request_error",
    426: "invalid_request_error",
    429: "rate_limit_error",
}
JSON_HEADER = (b"content-type", b"application/json")


def render(error: PronghornError, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    if isinstance(error, UpstreamRejected):
        return error.upstream_status, [(b"content-type", error.content_type or JSON_HEADER[1])], error.body
    inner: dict[str, object] = {
        "message": f"{error.message} (request id: {request_id})",
        "type": _TYPES.get(error.status, "server_error"),
        "param": error.param,
        "code": error.code_word,
    }
    headers = [JSON_HEADER]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, -(-error.retry_after_s // 1))))
    elif error.status == 402:
        headers.append((b"x-should-retry", b"false"))
    headers.append((b"x-pronghorn-end-reason", error.end_reason.encode()))
    return error.status, headers, msgspec.json.encode({"error": inner | error.detail})
