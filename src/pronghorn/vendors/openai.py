"""OpenAI, and any server that speaks its dialect under another base URL."""

import re

from pronghorn.vendors.base import OPENAI_SOCKET_PATHS, ChatVendor

RESPONDERS = re.compile(r"gpt-(?:5\.(?:[4-9]|\d\d)|[6-9]|\d\d)")
"""Their chats refuse functions, unless they are not to reason."""

vendor = ChatVendor(
    name="openai",
    base_url="https://api.openai.com/v1",
    output_limit="max_completion_tokens",
    socket_paths=OPENAI_SOCKET_PATHS,
    traits=frozenset(("openai",)),
    responders=RESPONDERS,
)
