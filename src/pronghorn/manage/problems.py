"""Problems: every error of the management API has one shape, `{"error": {"message", "code", "param"}}`."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from pronghorn.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    PronghornError,
    TooLarge,
    UnsupportedMediaType,
)
from pronghorn.kit import ids

log = structlog.get_logger("pronghorn.manage")

AnyRequest = Request[Any, Any, Any]


class ProblemDetail(msgspec.Struct):
    message: str
    code: str
    param: str | None = None


class Problem(msgspec.Struct):
    error: ProblemDetail


def request_id(scope: Any) -> str:
    """The id of this exchange, made at its first use."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found: str = state.setdefault("request_id", ids.request_id())
    return found


def render(request: AnyRequest, error: PronghornError) -> Response[Problem]:
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(
        Problem(ProblemDetail(error.message, error.code_word, error.param)),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )


def render_http(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """Litestar's own errors in our shape."""
    response = render(request, _ours(request, error))
    if error.status_code == 405 and error.headers:
        response.headers.update(error.headers)
    return response


def _ours(request: AnyRequest, error: HTTPException) -> PronghornError:
    path = request.url.path
    if isinstance(error, ValidationException):
        return _validation(error)
    if error.status_code == 404:
        return NotFound(f"there is no route {path}; /manage/openapi.json lists them")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("allow", "")
        return MethodNotAllowed(path, request.method, *allowed.split(", "))
    if error.status_code == 413:
        return TooLarge()
    if error.status_code == 415:
        return UnsupportedMediaType("send the body as application/json")
    if error.status_code < 500:
        return BadRequest(error.detail or "")
    return PronghornError()


def _validation(error: ValidationException) -> BadRequest:
    """The first thing that is wrong, with its field."""
    found = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    message, param = str(found.get("message") or error.detail), found.get("key")
    if param == "data" or "missing required" in message.lower():
        field = message.rpartition("`")[0].rpartition("`")[2] if "`" in message else param
        if param == "data" or field == "data":
            return BadRequest("this route needs a body: a JSON object")
        param = param or field
    return BadRequest(f"{param}: {message[:1].lower()}{message[1:]}" if param else message, param=param)


def render_bug(request: AnyRequest, error: Exception) -> Response[Problem]:
    log.error("manage.failed", request_id=request_id(request.scope), path=request.url.path, exc_info=error)
    return render(request, PronghornError("something went wrong here; the server's log has the request id"))
