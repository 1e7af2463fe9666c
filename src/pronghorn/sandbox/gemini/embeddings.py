""":embedContent and :batchEmbedContents: the sandbox's vectors, which are of length one only in their full size."""

import json
import math
from array import array
from typing import Any

from aiohttp import web

from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.gemini import proto, usage
from pronghorn.sandbox.gemini.proto import fault
from pronghorn.sandbox.openai.embeddings import embed_all
from pronghorn.sandbox.reply import reply_json

FULL_SIZE = 3072
MAX_BATCH = 100
ROOT = "EmbedContentRequest"

Shape = dict[str, Any]


async def embed_one(request: web.Request) -> web.StreamResponse:
    body = await proto.read(request, ROOT)
    check_magic_model(request.match_info["model"])
    text = _text(body, ROOT)
    return await _answer(request, {"embedding": {"values": await _vector(body, text, ROOT)}}, [text])


async def embed_batch(request: web.Request) -> web.StreamResponse:
    body = await proto.read(request, "BatchEmbedContentsRequest")
    model = request.match_info["model"]
    check_magic_model(model)
    requests = body.get("requests", [])
    root = "BatchEmbedContentsRequest"
    if not requests:
        raise fault("requests", "requests is not specified", root)
    if len(requests) > MAX_BATCH:
        raise fault("requests", f"at most {MAX_BATCH} requests can be in one batch", root)
    for index, one in enumerate(requests):
        if one.get("model") != f"models/{model}":
            raise fault(
                f"requests[{index}].model", f"must be models/{model}, as in the address of the batch", root
            )
    texts = [_text(one, f"{root}.requests[{index}]") for index, one in enumerate(requests)]
    vectors = [
        {"values": await _vector(one, text, f"{root}.requests[{index}]")}
        for index, (one, text) in enumerate(zip(requests, texts, strict=True))
    ]
    return await _answer(request, {"embeddings": vectors}, texts)


def _text(body: Shape, place: str) -> str:
    """All that stands in the parts; what is not text goes in as it was sent."""
    parts = body.get("content", {}).get("parts")
    if not parts:
        raise fault(
            "content",
            "content is not specified" if "content" not in body else "contents.parts must not be empty.",
            place,
        )
    return " ".join(part["text"] if "text" in part else json.dumps(part) for part in parts)


async def _vector(body: Shape, text: str, place: str) -> list[float]:
    """The newer place of the options is `embedContentConfig`; the older one is the request itself."""
    options = body | body.get("embedContentConfig", {})
    size = options.get("outputDimensionality", FULL_SIZE)
    if not 1 <= size <= FULL_SIZE:
        raise SandboxError(
            f"* {place}.output_dimensionality: must be from 1 to {FULL_SIZE}", param="output_dimensionality"
        )
    if options.get("title") and options.get("taskType") != "RETRIEVAL_DOCUMENT":
        raise fault("title", "only applicable when task_type is RETRIEVAL_DOCUMENT", place)
    shrunk = math.sqrt(size / FULL_SIZE)
    (vector,) = await embed_all([text], size)
    return list(array("f", (value * shrunk for value in vector)))


async def _answer(request: web.Request, body: Shape, texts: list[str]) -> web.StreamResponse:
    tokens = sum(map(counting.count, texts))
    used = {"promptTokenCount": tokens, "promptTokenDetails": usage.details({"TEXT": tokens})}
    return await reply_json(request, body | {"usageMetadata": used})
