"""GET /v1beta/models: a few names, in pages; and what a name tells about its model."""

import base64
import re
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.reply import reply_json

DEFAULT_PAGE = 50
MAX_PAGE = 1000

_NAMES = (
    "gemini-2.0-flash",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-flash-image",
    "gemini-2.5-flash-preview-tts",
    "gemini-3-pro-preview",
    "gemini-3-pro-image-preview",
    "gemini-3.5-flash",
    "gemini-embedding-001",
)
_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")

Shape = dict[str, Any]


def version(model: str) -> tuple[int, int]:
    """Of a Gemini; of what has another name `(0, 0)`."""
    match = _VERSION.match(model)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def makes_pictures(model: str) -> bool:
    return "image" in model


def speaks(model: str) -> bool:
    return "tts" in model


def can_think(model: str) -> bool:
    """Names that are not Google's may: nothing is known of them."""
    if speaks(model) or "embedding" in model:
        return False
    number = version(model)
    return number == (0, 0) or number >= (3, 0) or (number >= (2, 5) and not makes_pictures(model))


def _described(name: str) -> Shape:
    number = ".".join(str(part) for part in version(name) if part)
    is_embedding = "embedding" in name
    methods = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    described: Shape = {
        "name": f"models/{name}",
        "version": number or "001",
        "displayName": name.replace("-", " ").title(),
        "description": "Answers from the sandbox.",
        "inputTokenLimit": 2_048 if is_embedding else 1_048_576,
        "outputTokenLimit": 1 if is_embedding else 65_536,
        "supportedGenerationMethods": ["embedContent", "countTokens"] if is_embedding else methods,
    }
    if is_embedding:
        return described
    sampling = {"temperature": 1.0, "topP": 0.95, "topK": 64, "maxTemperature": 2.0}
    return described | sampling | ({"thinking": True} if can_think(name) else {})


async def listing(request: web.Request) -> web.StreamResponse:
    start, size = _start(request.query.get("pageToken", "")), _size(request.query.get("pageSize", ""))
    page: Shape = {"models": [_described(name) for name in _NAMES[start : start + size]]}
    if start + size < len(_NAMES):
        page["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return await reply_json(request, page)


def _start(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError as error:
        raise SandboxError(
            "* ListModelsRequest.page_token: invalid page token", param="page_token"
        ) from error


def _size(given: str) -> int:
    if not given:
        return DEFAULT_PAGE
    if not given.isdecimal() or not given.isascii():
        raise SandboxError(f"Invalid value at 'page_size' (TYPE_INT32), \"{given}\"", param="page_size")
    return min(int(given), MAX_PAGE) or DEFAULT_PAGE


async def one(request: web.Request) -> web.StreamResponse:
    name = request.match_info["model"]
    if name not in _NAMES:
        raise SandboxError(
            f"Model is not found: models/{name} for api version v1beta", status=404, code="model_not_found"
        )
    return await reply_json(request, _described(name))


routes = [web.get("/v1beta/models", listing), web.get("/v1beta/models/{model}", one)]
