"""Fireworks AI: OpenAI-shaped under `/inference/v1`; models are called `accounts/fireworks/models/...`.

Source: https://docs.fireworks.ai/tools-sdks/openai-compatibility
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    root="/inference/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "completions": "/completions",
            "embeddings": "/embeddings",
            "rerank": "/rerank",
        }
    ),
    traits=frozenset(("takes_reasoning",)),
)
