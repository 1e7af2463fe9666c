"""OpenAI's dialect under the addresses of vendors that speak it below a path of their own."""

from aiohttp import web

from pronghorn.sandbox.anthropic import calls, messages
from pronghorn.sandbox.errors import Dialect, SandboxError, openai_error
from pronghorn.sandbox.openai import (
    chat,
    completions,
    embeddings,
    images,
    rerank,
    responses,
    speech,
    transcription,
)

__all__ = ["dialect", "routes"]

ROOTS = (
    "/openai/v1",  # Azure, Groq
    "/api/v1",  # OpenRouter
    "/api/v3",  # Volcengine's Ark
    "/api/paas/v4",  # Zhipu
    "/compatible-mode/v1",  # DashScope
    "/compatibility/v1",  # Cohere
    "/inference/v1",  # Fireworks
    "/v1beta/openai",  # Google AI Studio
)
_BARE = "/chat/completions"
"""Perplexity's, which has no root."""
_OWN = tuple(f"{root}/" for root in ROOTS)
_ANTHROPICS = tuple(f"{root}/messages" for root in ROOTS)
_MODULES = (chat, completions, embeddings, images, messages, rerank, responses, speech, transcription)

routes: list[web.RouteDef] = [
    web.post(root + route.path.removeprefix("/v1"), route.handler)
    for root in ROOTS
    for module in _MODULES
    for route in module.routes
    if route.method == "POST" and route.path.startswith("/v1/")
]
routes.append(web.post(_BARE, chat.create))


def _owns(request: web.Request) -> bool:
    return request.path == _BARE or request.path.startswith(_OWN)


def _credential(request: web.Request) -> str:
    """Azure's and Google's clients have headers of their own for it."""
    own = request.headers.get("api-key") or request.headers.get("x-goog-api-key")
    return own or calls.credential(request)


def _render(error: SandboxError, request: web.Request) -> web.Response:
    is_anthropics = request.path.startswith(_ANTHROPICS)
    return calls.render(error, request) if is_anthropics else openai_error(error, request)


dialect = Dialect(_owns, _credential, _render)
