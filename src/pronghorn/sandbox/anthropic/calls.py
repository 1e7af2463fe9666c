"""What tells Anthropic's calls from others: paths, keys in `x-api-key` or as Bearer, and the shape of errors."""

from aiohttp import web

from pronghorn.sandbox.errors import REQUEST_ID, Dialect, SandboxError, bearer

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def owns(request: web.Request) -> bool:
    """Lists of models are asked for at the same path as OpenAI's; only ours come with a version."""
    parts = request.path.split("/")[1:3]
    is_model = parts == ["v1", "models"] and "anthropic-version" in request.headers
    return is_model or parts in (["v1", "messages"], ["v1", "complete"])


def credential(request: web.Request) -> str:
    return request.headers.get("x-api-key", "").strip() or bearer(request)


def error_type(status: int) -> str:
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def render(error: SandboxError, request: web.Request) -> web.Response:
    is_keyless = error.status == 401 and not credential(request)
    told = {
        "type": error_type(error.status),
        "message": "x-api-key header is required" if is_keyless else error.message,
    }
    headers = {"request-id": request[REQUEST_ID]}
    if error.status in (408, 409, 429) or error.status >= 500:
        headers["x-should-retry"] = "true"
    if error.status == 429:
        headers["retry-after"] = "1"
    body = {"type": "error", "error": told, "request_id": request[REQUEST_ID]}
    return web.json_response(body, status=error.status, headers=headers)


dialect = Dialect(owns, credential, render)
