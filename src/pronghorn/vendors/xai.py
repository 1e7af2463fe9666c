"""xAI: OpenAI-shaped chat and responses, and pictures.

Its reasoning models refuse `stop` and the penalties, its others take them: nothing is dropped here.
Source: https://docs.x.ai/docs/api-reference
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="xai",
    base_url="https://api.x.ai/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "images_generations": "/images/generations",
            "images_edits": "/images/edits",
        }
    ),
)
