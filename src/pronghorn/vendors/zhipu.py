"""Zhipu's GLM: OpenAI-shaped under `/api/paas/v4`.

Outside mainland China the base URL is `https://api.z.ai/api/paas/v4`.
Source: https://docs.bigmodel.cn/api-reference
"""

from types import MappingProxyType

from pronghorn.vendors.base import ONE_LIMIT, ChatVendor

vendor = ChatVendor(
    name="zhipu",
    base_url="https://open.bigmodel.cn/api/paas/v4",
    root="/api/paas/v4",
    renames=ONE_LIMIT,
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "embeddings": "/embeddings",
            "images_generations": "/images/generations",
            "speech": "/audio/speech",
            "transcriptions": "/audio/transcriptions",
            "rerank": "/rerank",
        }
    ),
    traits=frozenset(("thinking_switch", "takes_reasoning")),
)
