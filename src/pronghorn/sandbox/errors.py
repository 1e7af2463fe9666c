"""Errors in OpenAI's shape, and the credential that every call needs: any, as long as there is one.

Addresses of files are open, as vendors' links are.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import request_id

REQUEST_ID = web.RequestKey("id", str)

OPEN_PATHS = ("/files/",)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SandboxError(Exception):
    """What a vendor would refuse. `status` and `code` as OpenAI has them."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        type_: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.type = type_ or ("server_error" if status >= 500 else "invalid_request_error")

    def response(self) -> web.Response:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        headers = {"retry-after": "1"} if self.status == 429 else {}
        return web.json_response({"error": error}, status=self.status, headers=headers)


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer has a request id; every failure OpenAI's shape."""
    request[REQUEST_ID] = request_id()
    try:
        has_key = bool(request.headers.get("Authorization", "").removeprefix("Bearer").strip())
        if not has_key and request.path.startswith(("/v1", "/v2", "/rerank")):
            raise SandboxError("You didn't provide an API key.", status=401, code="invalid_api_key")
        response = await handler(request)
    except SandboxError as error:
        response = error.response()
    except web.HTTPRequestEntityTooLarge:
        response = SandboxError("The body is too large.", status=413).response()
    except web.HTTPMethodNotAllowed:
        response = SandboxError(
            f"Not allowed to {request.method} on {request.path}.", status=405, code="method_not_supported"
        ).response()
    except web.HTTPNotFound:
        response = SandboxError(f"Invalid URL ({request.method} {request.path})", status=404).response()
    if not response.prepared:
        response.headers["x-request-id"] = request[REQUEST_ID]
    return response


def _credential(request: web.Request) -> str:
    """What follows `Bearer`, or the whole header: some clients leave the scheme away."""
    return request.headers.get("authorization", "").removeprefix("Bearer").strip()


async def json_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises `SandboxError`."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise SandboxError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise SandboxError("The body must be a JSON object.")
    return body
