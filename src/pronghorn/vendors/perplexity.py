"""Perplexity: OpenAI-shaped chat, without a version in its path.

Answers name their sources in `citations` and `search_results`.
Source: https://docs.perplexity.ai/api-reference/chat-completions-post
"""

from types import MappingProxyType

from pronghorn.vendors.base import ONE_LIMIT, ChatVendor

vendor = ChatVendor(
    name="perplexity",
    base_url="https://api.perplexity.ai",
    root="",
    renames=ONE_LIMIT,
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
        }
    ),
    traits=frozenset(("web_search",)),
)
