"""Claude on Google's Vertex AI: Anthropic's dialect, with the model in the path and the version in the body.

Base URL and credential are as `vertex` has them. To count tokens the model does stand in the body.
Source: https://docs.anthropic.com/en/api/claude-on-vertex-ai
"""

from collections.abc import Mapping
from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Json
from pronghorn.vendors.service_account import ServiceAccount

VERSION = "vertex-2023-10-16"


def _shape(endpoint: str, body: Json, _headers: Mapping[bytes, bytes]) -> Json:
    shaped = {"anthropic_version": VERSION} | body
    if endpoint == "messages":
        shaped.pop("model", None)
    return shaped


vendor = ChatVendor(
    name="vertex_claude",
    base_url="",
    paths=MappingProxyType(
        {
            "messages": "/publishers/anthropic/models/{model}:rawPredict",
            "count_tokens": "/publishers/anthropic/models/count-tokens:rawPredict",
        }
    ),
    stream_paths=MappingProxyType({"messages": "/publishers/anthropic/models/{model}:streamRawPredict"}),
    shape=_shape,
    token=ServiceAccount(),
    traits=frozenset(("no_addresses",)),
)
