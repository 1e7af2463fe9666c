"""Errors in the words of each dialect: one table for all that goes wrong, whole or inside a stream.

Each says the way out and carries the request id. What a vendor said of the request itself keeps the vendor's words.
"""

from typing import NamedTuple

import msgspec

from pronghorn.errors import (
    AlreadyStreamed,
    AnswerNotKept,
    MethodNotAllowed,
    NoChannel,
    PronghornError,
    UpstreamRejected,
)

Headers = list[tuple[bytes, bytes]]
Json = dict[str, object]


class Rendered(NamedTuple):
    status: int
    headers: Headers
    body: bytes


JSON_HEADER = (b"content-type", b"application/json")

OPENAI_TYPES = {
    402: "insufficient_quota",
    403: "permission_error",
    409: "conflict",
    429: "rate_limit_error",
}
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
GEMINI_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def render(dialect: str, error: PronghornError, request_id: str) -> Rendered:
    """`dialect` is the caller's."""
    if isinstance(error, UpstreamRejected):
        return _render_rejected(dialect, error, request_id)
    status = _status(dialect, error)
    headers: Headers = [JSON_HEADER, *_id_header(dialect, request_id)]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, -(-error.retry_after_s // 1))))
    elif error.status == 402 or isinstance(error, AlreadyStreamed | AnswerNotKept):
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    headers.append((b"x-pronghorn-end-reason", error.end_reason.encode()))
    body = _body(dialect, status, _message(error, request_id), error, request_id)
    return Rendered(status, headers, msgspec.json.encode(body))


def event(dialect: str, error: PronghornError, request_id: str) -> bytes:
    """The event that ends a stream which has begun; no terminal event follows it."""
    message = _message(error, request_id)
    if dialect == "messages":
        return b"event: error\ndata: %b\n\n" % msgspec.json.encode(
            _body(dialect, _status(dialect, error), message, error, request_id)
        )
    if dialect == "responses":
        body: Json = {"type": "error", "code": error.end_reason, "message": message, "param": None}
        return b"event: error\ndata: %b\n\n" % msgspec.json.encode(body | {"sequence_number": 0})
    if dialect == "generate":
        body = _body(dialect, _status(dialect, error), message, error, request_id)
    else:
        inner = {"message": message, "type": "server_error", "param": None, "code": error.end_reason}
        body = {"error": inner}
    return b"data: %b\n\n" % msgspec.json.encode(body)


def _render_rejected(dialect: str, error: UpstreamRejected, request_id: str) -> Rendered:
    """The vendor's own body where the caller speaks its dialect, its words in another shape elsewhere."""
    if _shape(error.dialect) == _shape(dialect):
        headers = [(b"content-type", error.content_type or JSON_HEADER[1]), *_id_header(dialect, request_id)]
        return Rendered(error.upstream_status, headers, error.body)
    said = _said(error.body)
    message = f"{said.message or error.message} (request id: {request_id})"
    status = error.upstream_status
    error.code_word = said.word or error.code_word
    body = _body(dialect, status, message, error, request_id)
    return Rendered(status, [JSON_HEADER, *_id_header(dialect, request_id)], msgspec.json.encode(body))


def _shape(dialect: str) -> str:
    """Chat and Responses have their errors in common."""
    return "chat" if dialect == "responses" else dialect


class _Inner(msgspec.Struct):
    message: str | None = None
    code: object = None
    status: str | None = None
    type: str | None = None

    @property
    def word(self) -> str:
        """OpenAI's code, Gemini's status (its code is a number), Anthropic's type."""
        return (self.code if isinstance(self.code, str) else "") or self.status or self.type or ""


class _Outer(msgspec.Struct):
    error: _Inner = msgspec.field(default_factory=_Inner)


def _said(body: bytes) -> _Inner:
    """All dialects have their words in `error.message`."""
    try:
        return msgspec.json.decode(body, type=_Outer).error
    except (ValueError, RecursionError):
        return _Inner()


def _status(dialect: str, error: PronghornError) -> int:
    if dialect == "messages" and isinstance(error, NoChannel):
        return 529
    if dialect == "generate" and error.status == 402:
        return 403
    return error.status


def _message(error: PronghornError, request_id: str) -> str:
    return f"{error.message} (request id: {request_id})"


def _body(dialect: str, status: int, message: str, error: PronghornError, request_id: str) -> Json:
    if dialect == "messages":
        default = "invalid_request_error" if status < 500 else "api_error"
        inner: Json = {"type": ANTHROPIC_TYPES.get(status, default), "message": message}
        return {"type": "error", "error": inner, "request_id": request_id}
    if dialect == "generate":
        default = "INVALID_ARGUMENT" if status < 500 else "INTERNAL"
        return {"error": {"code": status, "message": message, "status": GEMINI_STATUSES.get(status, default)}}
    default = "invalid_request_error" if status < 500 else "server_error"
    inner = {
        "message": message,
        "type": OPENAI_TYPES.get(status, default),
        "param": error.param,
        "code": error.code_word,
    }
    return {"error": inner | error.detail}


def _id_header(dialect: str, request_id: str) -> Headers:
    """Anthropic's SDKs read another name than everybody else's."""
    return [(b"request-id", request_id.encode())] if dialect == "messages" else []
