"""Cohere: OpenAI-shaped chat and embeddings under `/compatibility/v1`, a rerank of its own under `/v2`.

The base URL has no path, as these two have none in common.
Source: https://docs.cohere.com/docs/compatibility-api
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="cohere",
    base_url="https://api.cohere.ai",
    root="",
    paths=MappingProxyType(
        {
            "chat": "/compatibility/v1/chat/completions",
            "embeddings": "/compatibility/v1/embeddings",
            "rerank": "/v2/rerank",
        }
    ),
    words="message",
)
