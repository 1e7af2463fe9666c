"""Groq: OpenAI-shaped under `/openai/v1`; refuses log probabilities and biases.

Source: https://console.groq.com/docs/openai
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    root="/openai/v1",
    output_limit="max_completion_tokens",
    drops=frozenset(("logprobs", "top_logprobs", "logit_bias")),
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
