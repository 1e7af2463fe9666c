"""Claude under Vertex AI's addresses: Anthropic's messages, the model in the path and the version in the body.

Gemini's addresses there, and the tokens that both want, are in `gemini`.
Source: https://docs.anthropic.com/en/api/claude-on-vertex-ai
"""

import re

from aiohttp import web

from pronghorn.sandbox.anthropic import calls, messages
from pronghorn.sandbox.errors import Dialect, SandboxError, bearer
from pronghorn.sandbox.reply import Events

__all__ = ["dialect", "routes"]

VERSION = "vertex-2023-10-16"
ANTHROPICS_VERSION = "2023-06-01"
_OURS = re.compile(r"/v1(beta1)?/(projects/[^/]+/locations/[^/]+/)?publishers/anthropic/models/")
_STREAMS = {"rawPredict": False, "streamRawPredict": True}
_COUNTER = "count-tokens"
_NOT_SIGNED_IN = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential."
)


async def _act(request: web.Request) -> web.StreamResponse:
    model, verb = request.match_info["model"], request.match_info["verb"]
    if verb not in _STREAMS:
        raise SandboxError(f"models/{model} does not support {verb}", status=404)
    body = await messages.read_body(request)
    version = body.pop("anthropic_version", None)
    if version != VERSION:
        raise SandboxError(f"anthropic_version: Input should be '{VERSION}'")
    betas = messages.betas_of(request)
    if model == _COUNTER:
        asked = await messages.check(body, ANTHROPICS_VERSION, betas, bearer(request), is_count=True)
        return await messages.counted(request, asked)
    if "model" in body:
        raise SandboxError("model: Extra inputs are not permitted")
    body |= {"model": model.replace("@", "-"), "stream": _STREAMS[verb]}
    asked = await messages.check(body, ANTHROPICS_VERSION, betas, bearer(request))
    return await messages.answer(request, asked, Events)


def _render(error: SandboxError, request: web.Request) -> web.Response:
    """Google's own words for who is not known to it, Anthropic's for all else."""
    if bearer(request):
        return calls.render(error, request)
    body = {"code": 401, "message": _NOT_SIGNED_IN, "status": "UNAUTHENTICATED"}
    return web.json_response({"error": body}, status=401)


_VERB = r"publishers/anthropic/models/{model:[^/]+?}{colon::|%3A|%3a}{verb:\w+}"

routes: list[web.RouteDef] = [
    web.post(place + _VERB, _act)
    for place in (
        "/{version:v1|v1beta1}/projects/{project}/locations/{location}/",
        "/{version:v1|v1beta1}/",
    )
]
dialect = Dialect(lambda request: _OURS.match(request.path) is not None, bearer, _render)
