"""The sandbox: the local simulator that test keys reach, asked in the OpenAI dialect."""

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(name="sandbox", base_url="http://127.0.0.1:8401/v1", output_limit="max_completion_tokens")
