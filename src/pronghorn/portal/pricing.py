"""Pricing: the live price list as dashboards of this family have it, and as other gateways copy it.

Only what the caller could ask for now is in it. A list is made once for each state of the configuration.
"""

import hashlib
from typing import Any

import msgspec
from litestar import Response, get
from sqlalchemy import select

from pronghorn import __version__ as version
from pronghorn.errors import AccessDenied
from pronghorn.ledger.prices import PPM
from pronghorn.portal import ratios
from pronghorn.portal.answer import Answer
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import Asking, Shared, Visiting
from pronghorn.portal.groups import DEFAULT, Usable, offered, usable
from pronghorn.portal.ratios import ratio
from pronghorn.routing.snapshot import Model
from pronghorn.store.models import Model as StoredModel

MAX_AGE_S = 60
ENDPOINTS = {
    "openai": "/v1/chat/completions",
    "openai-response": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "image-generation": "/v1/images/generations",
    "jina-rerank": "/v1/rerank",
    "audio-speech": "/v1/audio/speech",
    "audio-transcription": "/v1/audio/transcriptions",
    "moderations": "/v1/moderations",
    "realtime": "/v1/realtime",
}
"""The last four are this gateway's own words: the family has none."""
TYPES = {
    "chat": ("openai", "openai-response", "anthropic", "gemini"),
    "chat_images": ("openai", "openai-response", "anthropic", "gemini"),
    "completions": ("completions",),
    "embeddings": ("embeddings",),
    "images": ("image-generation",),
    "rerank": ("jina-rerank",),
    "speech": ("audio-speech",),
    "transcription": ("audio-transcription",),
    "moderations": ("moderations",),
    "realtime": ("realtime",),
}
CHANNEL_TYPES = {
    "openai": 1,
    "azure": 3,
    "ollama": 4,
    "anthropic": 14,
    "zhipu": 26,
    "qwen": 17,
    "openrouter": 20,
    "gemini": 24,
    "moonshot": 25,
    "perplexity": 27,
    "bedrock": 33,
    "cohere": 34,
    "minimax": 35,
    "siliconflow": 40,
    "vertex": 41,
    "mistral": 42,
    "deepseek": 43,
    "doubao": 45,
    "xai": 48,
}
"""The family's numbers of vendors; what it has no number for is of OpenAI's kind."""


@get("/api/pricing")
async def pricing(desk: Shared, visitor: Visiting) -> Response[bytes]:
    async with desk.context.read() as tx:
        groups = await usable(tx, visitor)
    body = await _list(desk, groups[0])
    headers = {"cache-control": f"private, max-age={MAX_AGE_S}"}
    return Response(body, media_type="application/json", headers=headers)


@get("/api/ratio_config")
async def ratio_config(desk: Shared) -> Answer:
    if not desk.context.settings.publish_ratios:
        raise AccessDenied("the price list is not published for copying; the operator sets publish_ratios")
    found: dict[str, dict[str, Any]] = {
        name: {}
        for name in ("model_ratio", "completion_ratio", "cache_ratio", "create_cache_ratio", "model_price")
    }
    for model in offered(desk.context.loader.snapshot, DEFAULT):
        if model.price is None:
            continue
        fields = ratios.of(model.price)
        if fields["quota_type"]:
            found["model_price"][model.name] = fields["model_price"]
            continue
        for name in ("model_ratio", "completion_ratio", "cache_ratio", "create_cache_ratio"):
            if name in fields:
                found[name][model.name] = fields[name]
    return Answer(found)


@get("/api/models")
async def models_by_type(desk: Shared, caller: Asking) -> Answer:
    """By the number of whose models they are. Whose channels serve them is nobody's business."""
    found: dict[str, list[str]] = {}
    for model in offered(desk.context.loader.snapshot, caller.group):
        found.setdefault(str(CHANNEL_TYPES.get(model.vendor, 1)), []).append(model.name)
    return Answer(found)


async def _list(desk: Desk, group: Usable) -> bytes:
    snapshot = desk.context.loader.snapshot
    revision, body = desk.price_lists.get(group.name, (-1, b""))
    if revision != snapshot.revision:
        models = [model for model in offered(snapshot, group.name) if model.price is not None]
        body = msgspec.json.encode(_document(group, models, await _descriptions(desk)))
        desk.price_lists[group.name] = snapshot.revision, body
    return body


async def _descriptions(desk: Desk) -> dict[str, str]:
    async with desk.context.read() as tx:
        rows = await tx.execute(select(StoredModel.name, StoredModel.description))
        return {row.name: row.description for row in rows}


def _document(group: Usable, models: list[Model], descriptions: dict[str, str]) -> dict[str, Any]:
    vendors = {name: place for place, name in enumerate(sorted({m.vendor for m in models}), 1)}
    items = [_item(model, group, vendors, descriptions.get(model.name, "")) for model in models]
    types = {kind for item in items for kind in item["supported_endpoint_types"]}
    return {
        "success": True,
        "message": "",
        "data": items,
        "vendors": [
            {"id": place, "name": name, "icon": name, "description": ""} for name, place in vendors.items()
        ],
        "group_ratio": {group.name: ratio(group.factor_ppm, PPM)},
        "usable_group": {group.name: group.description or group.name},
        "supported_endpoint": {
            kind: {"path": path, "method": "GET" if kind == "realtime" else "POST"}
            for kind, path in ENDPOINTS.items()
            if kind in types
        },
        "auto_groups": [],
        "pricing_version": _version(items),
    }


def _item(model: Model, group: Usable, vendors: dict[str, int], description: str) -> dict[str, Any]:
    assert model.price is not None, "only models with a price are listed"
    types = [kind for capability in TYPES if capability in model.capabilities for kind in TYPES[capability]]
    return {
        "model_name": model.name,
        "vendor_id": vendors[model.vendor],
        "description": description,
        "icon": model.vendor,
        "tags": ",".join(sorted(model.capabilities)),
        "owner_by": model.vendor,
        "enable_groups": [group.name],
        "supported_endpoint_types": list(dict.fromkeys(types)),
        **ratios.of(model.price),
    }


def _version(items: list[dict[str, Any]]) -> str:
    """Moves when a price or a model does."""
    return hashlib.sha256(version.encode() + msgspec.json.encode(items)).hexdigest()


handlers = [pricing, ratio_config, models_by_type]
