"""Gemini on Google's Vertex AI: AI Studio's dialect; the project and the location are in the channel's base URL.

`https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION`; for the location `global` the
host is `aiplatform.googleapis.com`. The credential is the JSON key of a service account. Every content must have a
role here, which AI Studio does without.
Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

from collections.abc import Mapping
from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Json
from pronghorn.vendors.service_account import ServiceAccount


def _shape(_endpoint: str, body: Json, _headers: Mapping[bytes, bytes]) -> Json:
    contents = body.get("contents")
    if isinstance(contents, list):
        body["contents"] = [_with_role(content) for content in contents]
    return body


def _with_role(content: object) -> object:
    return {"role": "user"} | content if isinstance(content, dict) else content


vendor = ChatVendor(
    name="vertex",
    base_url="",
    paths=MappingProxyType(
        {
            "generate": "/publishers/google/models/{model}:generateContent",
            "count_generate": "/publishers/google/models/{model}:countTokens",
        }
    ),
    stream_paths=MappingProxyType(
        {"generate": "/publishers/google/models/{model}:streamGenerateContent?alt=sse"}
    ),
    shape=_shape,
    token=ServiceAccount(),
    traits=frozenset(("vertex",)),
)
