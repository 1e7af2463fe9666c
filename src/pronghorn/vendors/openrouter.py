"""OpenRouter: many vendors behind OpenAI's and Anthropic's dialects; sends comments while it waits.

`HTTP-Referer` and `X-Title` of the caller are passed on, as it asks for.
Source: https://openrouter.ai/docs/api-reference/overview
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="openrouter",
    base_url="https://openrouter.ai/api/v1",
    root="/api/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "completions": "/completions",
            "messages": "/messages",
            "embeddings": "/embeddings",
        }
    ),
    traits=frozenset(("router",)),
    routes=True,
)
