"""Gemini's routes: the model and the verb are in the path, and the verb says whether the answer is streamed."""

import re
from typing import NamedTuple
from urllib.parse import parse_qs

from pronghorn.relay.endpoints import BY_NAME, Endpoint

_ROUTE = re.compile(
    r"(?:/v1|/v1beta|/v1alpha|/v1beta1)?/(?:models|tunedModels|publishers/google/models)/(.+):([A-Za-z]+)"
)
_VERBS = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "countTokens": "count_generate",
    "embedContent": "embed_content",
    "batchEmbedContents": "batch_embed_contents",
}


class Route(NamedTuple):
    endpoint: Endpoint
    model: str
    is_stream: bool
    is_array: bool
    """A stream as one JSON array: what `alt=sse` is not asked for."""


def match(path: str, query: bytes) -> Route | None:
    """`path` has its percent-encoding undone, `%3A` before the verb included."""
    found = _ROUTE.fullmatch(path)
    if found is None or found[2] not in _VERBS:
        return None
    is_stream = found[2] == "streamGenerateContent"
    is_array = is_stream and parse_qs(query.decode("latin-1")).get("alt") != ["sse"]
    return Route(BY_NAME[_VERBS[found[2]]], found[1].removeprefix("models/"), is_stream, is_array)


def owns(path: str) -> bool:
    """Is this the Gemini dialect's, also where there is nothing?"""
    if path.startswith(("/v1beta/", "/v1alpha/", "/v1beta1/")):
        return "/openai/" not in path
    # Elsewhere only by a verb: names of other vendors' models have colons, too.
    found = _ROUTE.fullmatch(path)
    return found is not None and found[2] in _VERBS
