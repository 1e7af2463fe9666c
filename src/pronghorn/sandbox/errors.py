"""Errors in the shape of the dialect that was asked, and the credential that every call needs: any will do.

A dialect is a package with `routes` and `dialect`, a `Dialect`. Paths that no dialect owns are OpenAI's.
Addresses of files are open, as vendors' links are.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from pronghorn.kit.ids import request_id

log = structlog.get_logger()

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


class Dialect(NamedTuple):
    """How one vendor's routes are told from others', where its clients put the key, how its errors look."""

    owns: Callable[[web.Request], bool]
    credential: Callable[[web.Request], str]
    """What was given as a key; empty if nothing was."""
    render: Callable[[SandboxError, web.Request], web.Response]


DIALECTS = web.AppKey("dialects", tuple)


def bearer(request: web.Request) -> str:
    """What follows `Bearer`, or the whole header: some clients leave the scheme away."""
    return request.headers.get("authorization", "").removeprefix("Bearer").strip()


def openai_error(error: SandboxError, _request: web.Request) -> web.Response:
    body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    headers = {"retry-after": "1"} if error.status == 429 else {}
    return web.json_response({"error": body}, status=error.status, headers=headers)


OPENAI = Dialect(lambda request: True, bearer, openai_error)


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer has a request id; every failure the shape of its dialect."""
    request[REQUEST_ID] = request_id()
    dialect: Dialect = next((d for d in request.app[DIALECTS] if d.owns(request)), OPENAI)
    try:
        if not request.path.startswith(OPEN_PATHS) and not dialect.credential(request):
            raise SandboxError("You didn't provide an API key.", status=401, code="invalid_api_key")
        response = await handler(request)
    except SandboxError as error:
        response = dialect.render(error, request)
    except web.HTTPRequestEntityTooLarge:
        response = dialect.render(SandboxError("The body is too large.", status=413), request)
    except web.HTTPMethodNotAllowed:
        refusal = f"Not allowed to {request.method} on {request.path}."
        response = dialect.render(SandboxError(refusal, status=405, code="method_not_supported"), request)
    except web.HTTPNotFound:
        refusal = f"Invalid URL ({request.method} {request.path})"
        response = dialect.render(SandboxError(refusal, status=404), request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("sandbox.failed", path=request.path)
        response = dialect.render(SandboxError("The sandbox failed.", status=500), request)
    if not response.prepared:
        response.headers["x-request-id"] = request[REQUEST_ID]
    return response


async def json_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises `SandboxError`."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise SandboxError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise SandboxError("The body must be a JSON object.")
    return body
