"""Volcengine's Doubao: OpenAI-shaped under Ark's `/api/v3`. A model is a name or an endpoint's id, `ep-...`.

Source: https://www.volcengine.com/docs/82379/1298454
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="doubao",
    base_url="https://ark.cn-beijing.volces.com/api/v3",
    root="/api/v3",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "embeddings": "/embeddings",
            "images_generations": "/images/generations",
        }
    ),
    traits=frozenset(("thinking_switch", "takes_reasoning")),
)
