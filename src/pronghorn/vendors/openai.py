"""OpenAI, and any server that speaks its dialect under another base URL."""

from pronghorn.vendors.base import OPENAI_SOCKET_PATHS, ChatVendor

vendor = ChatVendor(
    name="openai",
    base_url="https://api.openai.com/v1",
    output_limit="max_completion_tokens",
    socket_paths=OPENAI_SOCKET_PATHS,
    traits=frozenset(("openai",)),
)
