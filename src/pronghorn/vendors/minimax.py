"""MiniMax: OpenAI-shaped chat. In mainland China the base URL is `https://api.minimaxi.com/v1`.

Source: https://platform.minimax.io/docs/api-reference/text-openai-api
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="minimax",
    base_url="https://api.minimax.io/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
        }
    ),
)
