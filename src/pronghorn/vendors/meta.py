"""Meta's Model API: OpenAI-shaped chat and responses.

Source: https://dev.meta.ai/docs/overview
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="meta",
    base_url="https://api.meta.ai/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
        }
    ),
)
