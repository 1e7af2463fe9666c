"""Groq: OpenAI-shaped under `/openai/v1`; refuses log probabilities, biases and some newer members of OpenAI's.

Source: https://console.groq.com/docs/openai
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    root="/openai/v1",
    output_limit="max_completion_tokens",
    drops=frozenset(
        ("logprobs", "top_logprobs", "logit_bias", "metadata", "prompt_cache_key", "verbosity"),
    ),
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "speech": "/audio/speech",
            "transcriptions": "/audio/transcriptions",
            "translations": "/audio/translations",
        }
    ),
)
