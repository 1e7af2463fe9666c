"""POST /v1/embeddings: deterministic vectors of length one; texts that share words and letters lie near each other."""

import asyncio
import base64
import math
import re
import struct
from array import array
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from aiohttp import web

from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.reply import reply_json

MAX_INPUTS = 2048
MAX_DIMENSIONS = 8192

_WORD = re.compile(r"\w+")


async def create(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    model = request.match_info.get("model") or body.get("model")
    if not isinstance(model, str) or not model:
        raise SandboxError("you must provide a model parameter", param="model")
    check_magic_model(model)
    inputs = read_inputs(body.get("input"))
    size = _dimensions(body.get("dimensions"), model)
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise SandboxError("encoding_format must be 'float' or 'base64'", param="encoding_format")
    vectors = await embed_all([text for text, _ in inputs], size)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(count for _, count in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return await reply_json(request, {"object": "list", "data": data, "model": model, "usage": usage})


def read_inputs(given: Any) -> list[tuple[str, int]]:
    """Each input as text with its number of tokens; token arrays become text that names their numbers."""
    if isinstance(given, str) or (isinstance(given, list) and given and isinstance(given[0], int)):
        given = [given]
    if not isinstance(given, list) or not given:
        raise SandboxError("'input' must be a non-empty string or array", param="input")
    if len(given) > MAX_INPUTS:
        raise SandboxError(
            f"'input' has more than {MAX_INPUTS} items", param="input", code="array_above_max_length"
        )
    return [_read_input(item, index) for index, item in enumerate(given)]


def _read_input(item: Any, index: int) -> tuple[str, int]:
    if isinstance(item, str) and item:
        return item, counting.count(item)
    if isinstance(item, list) and item and all(isinstance(token, int) for token in item):
        return " ".join(f"token{token}" for token in item), len(item)
    raise SandboxError("'input' items must be non-empty strings or token arrays", param=f"input[{index}]")


def _dimensions(given: Any, model: str) -> int:
    if given is None:
        return 3072 if "large" in model else 1536
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MAX_DIMENSIONS:
        raise SandboxError(f"dimensions must be from 1 to {MAX_DIMENSIONS}", param="dimensions")
    return given


async def embed_all(texts: list[str], size: int) -> list[list[float]]:
    """In a thread: megabytes take seconds, and others are to be served meanwhile."""
    return await asyncio.to_thread(lambda: [embed(text, size) for text in texts])


def embed(text: str, size: int) -> list[float]:
    """Words weigh most, their three-letter pieces less; each falls on places that its hash decides."""
    vector = [0.0] * size
    for feature, weight in _features(text):
        digest = crc32(feature.encode("utf-8", "replace"))
        vector[digest % size] += weight if digest & 0x8000_0000 else -weight
        second = (digest * 2_654_435_761 + 12_345) & 0xFFFF_FFFF
        vector[second % size] += weight if second & 0x4000_0000 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[crc32(text.encode("utf-8", "replace")) % size] = length = 1.0
    return [value / length for value in vector]


def _features(text: str) -> Iterator[tuple[str, float]]:
    for match in _WORD.finditer(text.lower()):
        word = match[0]
        yield word, 1.0
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            yield padded[start : start + 3], 0.4


def similarity(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return list(array("f", vector))


routes = [
    web.post("/v1/embeddings", create),
    web.post("/v1/engines/{model}/embeddings", create),
]
