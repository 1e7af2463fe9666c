"""Together AI: OpenAI-shaped, with pictures, sound and rerank.

Source: https://docs.together.ai/docs/openai-api-compatibility
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="together",
    base_url="https://api.together.xyz/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "completions": "/completions",
            "embeddings": "/embeddings",
            "images_generations": "/images/generations",
            "speech": "/audio/speech",
            "transcriptions": "/audio/transcriptions",
            "translations": "/audio/translations",
            "rerank": "/rerank",
        }
    ),
    traits=frozenset(("takes_reasoning",)),
)
