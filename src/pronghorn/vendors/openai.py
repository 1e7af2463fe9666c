"""OpenAI, and any server that speaks its dialect under another base URL."""

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(name="openai", base_url="https://api.openai.com/v1", output_limit="max_completion_tokens")
