"""Mistral: OpenAI-shaped, but every member that it does not know is refused: `seed` is `random_seed` here.

A stream tells its usage unasked, and `stream_options` is refused.
Source: https://docs.mistral.ai/api
"""

from collections.abc import Mapping
from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Json

_NAMES = {"seed": "random_seed", "max_completion_tokens": "max_tokens"}


def _shape(endpoint: str, body: Json, _headers: Mapping[bytes, bytes]) -> Json:
    if endpoint != "chat":
        return body
    return {_NAMES.get(name, name): value for name, value in body.items() if name != "stream_options"}


vendor = ChatVendor(
    name="mistral",
    base_url="https://api.mistral.ai/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "embeddings": "/embeddings",
            "transcriptions": "/audio/transcriptions",
            "moderations": "/moderations",
        }
    ),
    shape=_shape,
    words="message",
)
