"""GET /v1/models: one route, three shapes; the caller's headers tell which dialect they speak."""

from urllib.parse import parse_qs

import msgspec

from pronghorn.api.reply import Reply, Scope
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.errors import ModelNotFound
from pronghorn.kit.clock import iso
from pronghorn.relay.endpoints import GENERATE
from pronghorn.routing import Grant, Model, Snapshot


async def serve(
    scope: Scope, reply: Reply, snapshot: Snapshot, grant: Grant, name: str | None, *, is_gemini: bool = False
) -> None:
    """The list, or the model called `name`. `is_gemini`: the path says so, whatever the headers."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if is_gemini or b"x-goog-api-key" in headers or "key" in query:
        one, wrap = _gemini, _gemini_list
    elif b"anthropic-version" in headers:
        one, wrap = _anthropic, _anthropic_list
    else:
        one, wrap = _openai, _openai_list
    visible = snapshot.visible_models(grant)
    if name is None:
        body = wrap([one(model) for model in visible])
    else:
        wanted = name.removeprefix("models/")
        found = next((model for model in visible if model.name == wanted), None)
        if found is None:
            similar = snapshot.similar_names(wanted, grant)
            hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
            raise ModelNotFound(f"the model {wanted[:200]!r} does not exist here{hint}", param="model")
        body = one(found)
    await reply.whole(200, [JSON_HEADER], msgspec.json.encode(body))


Shape = dict[str, object]


def _openai(model: Model) -> Shape:
    shape: Shape = {
        "id": model.name,
        "object": "model",
        "created": model.created_s,
        "owned_by": model.vendor,
        "name": model.display_name or model.name,
    }
    if model.context_tokens:
        shape["context_length"] = model.context_tokens
    return shape


def _openai_list(models: list[Shape]) -> Shape:
    return {"object": "list", "data": models}


def _anthropic(model: Model) -> Shape:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.display_name or model.name,
        "created_at": iso(model.created_s),
    }


def _anthropic_list(models: list[Shape]) -> Shape:
    ends = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return {"data": models, "has_more": False, "first_id": ends[0], "last_id": ends[1]}


def _gemini(model: Model) -> Shape:
    shape: Shape = {
        "name": f"models/{model.name}",
        "displayName": model.display_name or model.name,
        "version": "001",
        "supportedGenerationMethods": _methods(model.capabilities),
    }
    if model.context_tokens:
        shape["inputTokenLimit"] = model.context_tokens
    if model.max_output_tokens:
        shape["outputTokenLimit"] = model.max_output_tokens
    return shape


def _methods(capabilities: frozenset[str]) -> list[str]:
    """Of a model about which nothing is known: those of most."""
    if not capabilities or not capabilities.isdisjoint(GENERATE.needs):
        return ["generateContent", "countTokens"]
    return ["embedContent"] if "embeddings" in capabilities else []


def _gemini_list(models: list[Shape]) -> Shape:
    return {"models": models}
