"""Answer: the envelope of the dashboard API, its pages, and how errors look in it.

`{"success": true, "message": "", "data": ...}`. What fails is told in the envelope with status 200, as clients of
this API expect it; 401, 403 and 429 keep their status, and so does what never reached a handler or broke in one.
"""

from typing import Any, TypeVar

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from pronghorn.errors import BadRequest, PronghornError
from pronghorn.kit import ids
from pronghorn.portal.caller import AnyRequest

T = TypeVar("T")

KEPT_STATUSES = (401, 403, 429)
MAX_PAGE = 100
MAX_OFFSET = 100_000
OPEN_TO_PAGES = "/api/log/token"
"""Read by pages of other sites, which show a model key instead of a cookie."""

log = structlog.get_logger("pronghorn.portal")


class Answer(msgspec.Struct):
    data: Any = None
    success: bool = True
    message: str = ""


class PageOf(msgspec.Struct):
    page: int
    page_size: int
    total: int
    items: list[Any]


class Part(msgspec.Struct):
    """Which part of a list is asked for; `page` counts from 1."""

    page: int
    size: int

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size

    def of(self, items: list[Any], total: int) -> Answer:
        return Answer(PageOf(self.page, self.size, total, items))


class Query:
    """What the address asks for. Raises `BadRequest` with the field's name."""

    def __init__(self, request: AnyRequest) -> None:
        self._values = request.query_params

    def text(self, name: str, default: str = "") -> str:
        value: str = self._values.get(name, default)
        if len(value) > 200 or "\0" in value:
            raise BadRequest(f"{name} must have at most 200 characters", param=name)
        return value

    def whole(self, name: str, default: int = 0, *, most: int = 2**53 - 1) -> int:
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= most):
            raise BadRequest(f"{name} must be a whole number from 0 to {most}", param=name)
        return int(text)

    def part(self) -> Part:
        """`p` and `page_size`, or `size` as older clients say. Pages have at most 100 lines."""
        size = min(self.whole("page_size") or self.whole("size") or 20, MAX_PAGE)
        part = Part(max(1, self.whole("p", 1)), size)
        if part.offset > MAX_OFFSET:
            raise BadRequest(
                f"p: only the first {MAX_OFFSET} lines can be paged through; ask for an earlier end_timestamp",
                param="p",
            )
        return part


async def body(request: AnyRequest, wanted: type[T]) -> T:
    """A JSON body. Fields that are not in `wanted` are left out of account: nobody sets by name what is not his."""
    raw = await request.body()
    try:
        if b"\\u0000" in raw:
            raise BadRequest("the body holds the character U+0000, which no field takes")
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = path.rstrip("`").lstrip(".")
        message = message[:1].lower() + message[1:]
        raise BadRequest(f"{field}: {message}" if field else message, param=field or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from error


def render(request: AnyRequest, error: PronghornError) -> Response[Any]:
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    is_enveloped = request.url.path.startswith("/api/") and error.status < 500
    status = 200 if is_enveloped and error.status not in KEPT_STATUSES else error.status
    content = {"success": False, "message": error.message, "code": error.code_word, "data": None}
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def render_http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What never reached a handler: no such route, a method it does not take, a body too large."""
    path = request.url.path[:200]
    message = {
        404: f"Invalid URL ({request.method} {path}): there is no such route",
        405: f"{path} does not take {request.method}",
        413: "the body is larger than this route takes",
    }.get(error.status_code, "the request is not valid")
    return Response(
        {"success": False, "message": message, "data": None},
        status_code=error.status_code,
        headers=error.headers or {},
        media_type="application/json",
    )


def render_bug(request: AnyRequest, error: Exception) -> Response[Any]:
    log.error("portal.failed", request_id=request_id(request.scope), path=request.url.path, exc_info=error)
    return render(request, PronghornError("something went wrong here; the server's log has the request id"))


def request_id(scope: Any) -> str:
    """The id of this exchange, made at its first use."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found: str = state.setdefault("request_id", ids.request_id())
    return found
