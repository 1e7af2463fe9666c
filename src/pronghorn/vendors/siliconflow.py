"""SiliconFlow: OpenAI-shaped, with rerank in Jina's shape; outside mainland China the host is `api.siliconflow.com`.

Source: https://docs.siliconflow.cn/en/api-reference
"""

from types import MappingProxyType

from pronghorn.vendors.base import ONE_LIMIT, ChatVendor

vendor = ChatVendor(
    name="siliconflow",
    base_url="https://api.siliconflow.cn/v1",
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
    traits=frozenset(("takes_reasoning",)),
    words="message",
)
