"""vLLM: OpenAI's and Anthropic's dialects on a server of one's own.

A key is needed only where the server was started with `--api-key`.
Source: https://docs.vllm.ai/en/stable/serving/online_serving
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="vllm",
    base_url="",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "completions": "/completions",
            "messages": "/messages",
            "count_tokens": "/messages/count_tokens",
            "embeddings": "/embeddings",
            "transcriptions": "/audio/transcriptions",
            "translations": "/audio/translations",
            "rerank": "/rerank",
        }
    ),
    traits=frozenset(("takes_reasoning",)),
)
