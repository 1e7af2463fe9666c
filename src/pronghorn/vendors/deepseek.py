"""DeepSeek: OpenAI-shaped chat, which thinks aloud in `reasoning_content`.

Where there are tools it wants that back with every earlier message of the assistant, or refuses the request.
Cache hits are counted in members of its own. `max_completion_tokens` it reads over.
Source: https://api-docs.deepseek.com, /guides/thinking_mode
"""

from types import MappingProxyType

from pronghorn.vendors.base import ONE_LIMIT, ChatVendor

vendor = ChatVendor(
    name="deepseek",
    base_url="https://api.deepseek.com/v1",
    renames=ONE_LIMIT,
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
        }
    ),
    traits=frozenset(("thinking_switch", "wants_reasoning")),
)
