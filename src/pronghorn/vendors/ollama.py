"""Ollama: OpenAI-shaped, without a key.

Source: https://docs.ollama.com/api/openai-compatibility
"""

from types import MappingProxyType

from pronghorn.vendors.base import ONE_LIMIT, ChatVendor

vendor = ChatVendor(
    name="ollama",
    base_url="http://127.0.0.1:11434/v1",
    renames=ONE_LIMIT,
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "completions": "/completions",
            "embeddings": "/embeddings",
        }
    ),
)
