"""Mistral: OpenAI-shaped, but every member that it does not know is refused: `seed` is `random_seed` here.

A stream tells its usage unasked, and `stream_options` is refused. Ids of calls are nine letters or digits.
Source: https://docs.mistral.ai/api
"""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Json

_NAMES = {"seed": "random_seed", "max_completion_tokens": "max_tokens"}
_REFUSED = frozenset(
    {"user", "safety_identifier", "verbosity", "service_tier", "store", "logit_bias"}
    | {"logprobs", "top_logprobs", "top_k", "modalities", "audio", "prompt_cache_retention"}
)
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def _shape(endpoint: str, body: Json, _headers: Mapping[bytes, bytes]) -> Json:
    if endpoint != "chat":
        return body
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            _fit_id(message, "tool_call_id")
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                _fit_id(call, "id")
    return {_NAMES.get(name, name): value for name, value in body.items() if name != "stream_options"}


def _fit_id(holder: object, name: str) -> None:
    """Conversations may have begun elsewhere. The same id becomes the same one each time."""
    known = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and isinstance(known, str) and _CALL_ID.fullmatch(known) is None:
        holder[name] = hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:9]


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
    drops=_REFUSED,
    shape=_shape,
    words="message",
)
