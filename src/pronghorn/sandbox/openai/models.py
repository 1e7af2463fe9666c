"""GET /v1/models: a few names, so that set-up checks of clients pass."""

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.reply import reply_json

_NAMES = ("gpt-4o", "gpt-4o-mini", "gpt-image-1", "gpt-4o-mini-tts", "whisper-1", "text-embedding-3-small")
_CREATED = 1_700_000_000


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "sandbox"}


async def listing(request: web.Request) -> web.StreamResponse:
    return await reply_json(request, {"object": "list", "data": [_model(name) for name in _NAMES]})


async def one(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in _NAMES:
        raise SandboxError(
            f"The model '{name}' does not exist.", status=404, code="model_not_found", param="model"
        )
    return await reply_json(request, _model(name))


routes = [web.get("/v1/models", listing), web.get("/v1/models/{name:.+}", one)]
