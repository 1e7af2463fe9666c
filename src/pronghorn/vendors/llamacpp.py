"""llama.cpp's server: OpenAI-shaped; a key is needed only where it runs with `--api-key`.

Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="llamacpp",
    base_url="",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "completions": "/completions",
            "embeddings": "/embeddings",
            "rerank": "/rerank",
        }
    ),
    traits=frozenset(("takes_reasoning",)),
)
