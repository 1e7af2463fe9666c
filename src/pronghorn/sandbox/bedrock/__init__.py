"""Claude on Amazon Bedrock: Anthropic's messages under InvokeModel, signed requests, streams in binary frames.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

import re

from aiohttp import web

from pronghorn.sandbox.anthropic import messages
from pronghorn.sandbox.bedrock import signature
from pronghorn.sandbox.bedrock.frames import Framed
from pronghorn.sandbox.errors import REQUEST_ID, Dialect, SandboxError

__all__ = ["dialect", "routes"]

VERSION = "bedrock-2023-05-31"
ANTHROPICS_VERSION = "2023-06-01"
_NAME = re.compile(r"(?:.*[./])?anthropic\.(?P<name>claude-.+?)(?:-v\d+)?(?::\d+)?")
_ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


async def _whole(request: web.Request) -> web.StreamResponse:
    return await _invoke(request, is_streamed=False)


async def _streamed(request: web.Request) -> web.StreamResponse:
    return await _invoke(request, is_streamed=True)


async def _invoke(request: web.Request, *, is_streamed: bool) -> web.StreamResponse:
    await signature.check(request)
    body = await messages.read_body(request)
    for name in ("model", "stream"):
        if name in body:
            raise SandboxError(f"{name}: Extra inputs are not permitted")
    if body.pop("anthropic_version", None) != VERSION:
        raise SandboxError(f"anthropic_version: Input should be '{VERSION}'")
    betas = body.pop("anthropic_beta", [])
    if not isinstance(betas, list) or not all(isinstance(beta, str) for beta in betas):
        raise SandboxError("anthropic_beta: Input should be a valid list of strings")
    body |= {"model": _model(request.match_info["model"]), "stream": is_streamed}
    key = signature.credential(request)
    asked = await messages.check(body, ANTHROPICS_VERSION, frozenset(betas), key)
    return await messages.answer(request, asked, Framed)


def _model(identifier: str) -> str:
    """Anthropic's own name out of a model id, an inference profile or the ARN of one; others stay as they are."""
    found = _NAME.fullmatch(identifier)
    return found["name"] if found else identifier


def _render(error: SandboxError, request: web.Request) -> web.Response:
    message = error.message if signature.credential(request) else "Missing Authentication Token"
    status = 403 if error.status == 401 else 503 if error.status == 529 else error.status
    name = error.code or ""
    if not name.endswith("Exception"):
        name = _ERRORS.get(status, "InternalServerException")
    headers = {"x-amzn-errortype": name, "x-amzn-requestid": request[REQUEST_ID]}
    return web.json_response({"message": message}, status=status, headers=headers)


routes: list[web.RouteDef] = [
    web.post("/model/{model}/invoke", _whole),
    web.post("/model/{model}/invoke-with-response-stream", _streamed),
]
dialect = Dialect(lambda request: request.path.startswith("/model/"), signature.credential, _render)
