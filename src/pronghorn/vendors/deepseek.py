"""DeepSeek: OpenAI-shaped chat, which thinks aloud in `reasoning_content`.

Cache hits are counted in members of its own.
Source: https://api-docs.deepseek.com
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="deepseek",
    base_url="https://api.deepseek.com/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
        }
    ),
    traits=frozenset(("thinking_switch",)),
)
