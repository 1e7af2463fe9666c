"""Google's Gemini API: its own dialect with the model in the path; embeddings through its OpenAI-shaped layer."""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Header

vendor = ChatVendor(
    name="gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    root="/v1beta",
    auth=Header("x-goog-api-key"),
    paths=MappingProxyType(
        {
            "generate": "/models/{model}:generateContent",
            "count_generate": "/models/{model}:countTokens",
            "embed_content": "/models/{model}:embedContent",
            "batch_embed_contents": "/models/{model}:batchEmbedContents",
            "embeddings": "/openai/embeddings",
        }
    ),
    stream_paths=MappingProxyType({"generate": "/models/{model}:streamGenerateContent?alt=sse"}),
)
