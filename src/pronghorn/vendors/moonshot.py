"""Moonshot's Kimi: OpenAI-shaped chat, which refuses calls of tools without the `reasoning_content` they came with.

It refuses `reasoning_effort` beside `thinking`, too, and without that one the effort switches nothing.
The base URL is that of mainland China; elsewhere it is `https://api.moonshot.ai/v1`.
Source: https://platform.moonshot.ai/docs/api/chat
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="moonshot",
    base_url="https://api.moonshot.cn/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
        }
    ),
    traits=frozenset(("thinking_switch", "no_effort", "wants_reasoning")),
)
