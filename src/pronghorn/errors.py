"""One tree of errors. A class says what kind it is, an instance says the facts, a door renders it in its dialect.

PronghornError
├── BadRequest                  400  the request itself is wrong; `param` names the field
│   ├── RefusedStrict           400  something would have to be left out, and the caller forbade that
│   ├── Unauthenticated         401  no key, or one that is not valid now
│   ├── NoCredit                402  balance or budget is used up
│   ├── AccessDenied            403  this key may not do that
│   ├── NotFound                404
│   │   ├── ModelNotFound       404
│   │   └── NoRoute             404  the caller's own rules leave no channel
│   ├── MethodNotAllowed        405
│   ├── Conflict                409
│   │   ├── IdempotencyRunning  409  the first request with this key has not ended
│   │   ├── AlreadyMade         409  another task is at it, or has done it
│   │   ├── AlreadyStreamed     409  it has, and its answer cannot be given again
│   │   ├── AnswerNotKept       409  likewise
│   │   └── OutcomeUnknown      409  nobody can say whether it has
│   ├── IdempotencyMismatch     422  the key was used for another request
│   ├── TooLarge                413
│   ├── UnsupportedMediaType    415
│   ├── UpgradeRequired         426
│   └── LimitReached            429  `retry_after_s` says when to come back
├── CallerGone                       the caller hung up; there is nobody to tell
├── Unavailable                 503  we cannot serve it now
│   └── NoChannel               503  the model is known, nothing serves it now
└── UpstreamError               502  the vendor failed
    ├── UpstreamUnreachable     502  nothing was sent, so another channel may be asked
    ├── UpstreamDropped         502  the request was sent, no byte of an answer came
    ├── UpstreamRejected        4xx  the vendor found fault with the request itself: its words are passed on
    ├── UpstreamRefusedUs       502  our credential at the vendor is the problem
    ├── UpstreamTruncated       502  it broke off before its end
    ├── UpstreamLimited         429  the vendor's own rate limit
    └── UpstreamTimeout         504
"""

from typing import ClassVar


class PronghornError(Exception):
    """The request failed."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    end_reason: ClassVar[str] = "bug"
    retryable: ClassVar[bool] = False
    default_retry_after_s: ClassVar[float | None] = None

    def __init__(
        self,
        message: str = "",
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        detail: dict[str, object] | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.param = param
        self.code_word = code or self.code
        self.retry_after_s = self.default_retry_after_s if retry_after_s is None else retry_after_s
        self.detail = detail or {}
        super().__init__(self.message)


class BadRequest(PronghornError):
    """The request is not valid."""

    status, code, end_reason = 400, "invalid_request_error", "client_error"


class RefusedStrict(BadRequest):
    """The caller asked for nothing to be left out, and this vendor's dialect cannot carry all of it."""

    code, end_reason = "unsupported_parameter", "refused_strict"


class Unauthenticated(BadRequest):
    """No valid API key was given. Send it as `Authorization: Bearer sk-...`."""

    status, code = 401, "invalid_api_key"


class NoCredit(BadRequest):
    """The balance or budget does not cover this request. Top up, or raise the budget."""

    status, code, end_reason = 402, "insufficient_quota", "no_credit"


class AccessDenied(BadRequest):
    """This key may not do that."""

    status, code = 403, "access_denied"


class NotFound(BadRequest):
    """There is nothing here."""

    status, code = 404, "not_found"


class ModelNotFound(NotFound):
    """No such model. GET /v1/models lists what this key may use."""

    code = "model_not_found"


class NoRoute(NotFound):
    """What the caller asks of the way leaves nobody who could answer."""

    code, end_reason = "no_route", "no_route"


class MethodNotAllowed(BadRequest):
    """This route does not take that method."""

    status, code = 405, "method_not_supported"

    def __init__(self, path: str, method: str, *allowed: str) -> None:
        """`allowed`: what it takes, for the `Allow` header."""
        super().__init__(f"{path[:200]} takes {' or '.join(allowed)}, not {method}")
        self.allowed = allowed


class Conflict(BadRequest):
    """That would clash with what is there already."""

    status, code = 409, "conflict"


class IdempotencyRunning(Conflict):
    """A request with this Idempotency-Key has not ended. Wait, then send it again: its answer will be repeated."""

    code, retryable, default_retry_after_s = "idempotency_running", True, 1.0


class AlreadyMade(Conflict):
    """Another task makes that, or has made it; ask for that one."""

    code = "already_made"


class AlreadyStreamed(Conflict):
    """The answer to this Idempotency-Key was streamed and cannot be repeated. To ask anew, use a new key."""

    code = "already_streamed"


class AnswerNotKept(Conflict):
    """This Idempotency-Key was answered, but the answer could not be kept. To ask anew, use a new key."""

    code = "answer_not_kept"


class OutcomeUnknown(Conflict):
    """Whether the first request with this Idempotency-Key was answered is not known yet. Wait, or use a new key."""

    code, default_retry_after_s = "outcome_unknown", 60.0


class IdempotencyMismatch(BadRequest):
    """This Idempotency-Key was used for another request. A key is for one request and its repetitions."""

    status, code = 422, "idempotency_mismatch"


class TooLarge(BadRequest):
    """The body is larger than this gateway takes."""

    status, code = 413, "request_too_large"


class UnsupportedMediaType(BadRequest):
    """The body is of a type that this route does not take."""

    status, code = 415, "unsupported_content_type"


class UpgradeRequired(BadRequest):
    """This route does not speak WebSocket here; use HTTP."""

    status, code = 426, "upgrade_required"


class LimitReached(BadRequest):
    """A rate limit was reached. Wait, then try again."""

    status, code, end_reason, retryable = 429, "rate_limit_exceeded", "limited", True


class CallerGone(PronghornError):
    """The caller hung up before the end."""

    status, code, end_reason = 499, "client_gone", "client_gone"


class Unavailable(PronghornError):
    """The gateway cannot take work at this moment. Try again shortly."""

    status, code, end_reason, retryable = 503, "unavailable", "overload", True


class NoChannel(Unavailable):
    """The model is known, but no channel serves it now."""

    code, end_reason, default_retry_after_s = "no_channel", "no_route", 30.0


class UpstreamError(PronghornError):
    """The vendor failed to answer. Nothing was charged; try again."""

    status, code, end_reason, retryable = 502, "upstream_error", "upstream_error", True
    upstream_status = 0
    """The vendor's own status, if it sent one."""


class UpstreamUnreachable(UpstreamError):
    """The vendor could not be reached. Nothing was charged; try again."""


class UpstreamDropped(UpstreamError):
    """The vendor closed the connection without an answer. Nothing was charged."""


class UpstreamRejected(UpstreamError):
    """The vendor refused the request. Nothing was charged."""

    status, code, end_reason, retryable = 400, "invalid_request_error", "client_error", False

    dialect = "chat"
    """Whose words `body` has."""

    def __init__(self, upstream_status: int, body: bytes, content_type: bytes) -> None:
        super().__init__()
        self.upstream_status = upstream_status
        self.body = body
        self.content_type = content_type


class UpstreamRefusedUs(UpstreamError):
    """The vendor refused this gateway's own credential. The operator has to look at the channel."""


class UpstreamTruncated(UpstreamError):
    """The vendor's answer broke off before its end."""

    end_reason = "upstream_truncated"


class UpstreamLimited(UpstreamError):
    """The vendor's own rate limit was reached. Wait, then try again."""

    status, code = 429, "rate_limit_exceeded"


class UpstreamTimeout(UpstreamError):
    """The vendor did not answer in time. Nothing was charged; try again, or stream the answer."""

    status, code, end_reason = 504, "upstream_timeout", "upstream_timeout"
