"""Which routes are Google's, where its clients put the key, and how its errors look."""

import re

from aiohttp import web

from pronghorn.sandbox.errors import Dialect, SandboxError, bearer

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TOKEN_PATH = "/token"  # noqa: S105

_VERTEX = re.compile(r"/v1(beta1)?/(projects/[^/]+/locations/[^/]+/)?publishers/google/")
_STUDIO = re.compile(r"/v1beta/(models|tunedModels)(/|$)|/v1/(models|tunedModels)/[^/]+(:|%3[Aa])\w+$")
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)
_NOT_SIGNED_IN = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_TYPE = "type.googleapis.com/google.rpc."

Shape = dict[str, object]


def is_vertex(request: web.Request) -> bool:
    return _VERTEX.match(request.path) is not None


def owns(request: web.Request) -> bool:
    return request.path == TOKEN_PATH or is_vertex(request) or _STUDIO.match(request.path) is not None


def credential(request: web.Request) -> str:
    """Header, then query, then `Authorization`. The token endpoint asks for an assertion instead, in its body."""
    if request.path == TOKEN_PATH:
        return "assertion"
    if request.path.startswith(("/v1/projects/", "/v1beta1/projects/")):
        return bearer(request)
    return request.headers.get("x-goog-api-key") or request.query.get("key") or bearer(request)


def render(error: SandboxError, request: web.Request) -> web.Response:
    status, message = error.status, error.message
    if not credential(request):
        status, message = (401, _NOT_SIGNED_IN) if is_vertex(request) else (403, _NO_KEY)
    name = STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    body: Shape = {"code": status, "message": message, "status": name}
    if details := _details(status, error):
        body["details"] = details
    answer: object = {"error": body}
    is_array = "streamGenerateContent" in request.path and request.query.get("alt") != "sse"
    return web.json_response([answer] if is_array else answer, status=status)


def _details(status: int, error: SandboxError) -> list[Shape]:
    if status == 429:
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
        }
        return [
            {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]},
            {"@type": f"{_TYPE}RetryInfo", "retryDelay": "1s"},
        ]
    if status == 400 and error.param is not None:
        violations = [
            {"field": error.param, "description": fault} if error.param else {"description": fault}
            for fault in error.message.split("\n")
        ]
        return [{"@type": f"{_TYPE}BadRequest", "fieldViolations": violations}]
    return []


dialect = Dialect(owns, credential, render)
