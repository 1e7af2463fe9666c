"""new-api: all four dialects and most endpoints. An older one-api is vendor `openai` with its own base URL.

Source: https://github.com/QuantumNous/new-api/blob/main/router/relay-router.go
"""

from types import MappingProxyType

from pronghorn.vendors import suno, udio
from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.midjourney import plus

vendor = ChatVendor(
    name="newapi",
    base_url="",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "messages": "/messages",
            "responses": "/responses",
            "generate": "/models/{model}:generateContent",
            "completions": "/completions",
            "embeddings": "/embeddings",
            "embed_content": "/models/{model}:embedContent",
            "batch_embed_contents": "/models/{model}:batchEmbedContents",
            "images_generations": "/images/generations",
            "images_edits": "/images/edits",
            "speech": "/audio/speech",
            "transcriptions": "/audio/transcriptions",
            "translations": "/audio/translations",
            "moderations": "/moderations",
            "rerank": "/rerank",
        }
    ),
    stream_paths=MappingProxyType({"generate": "/models/{model}:streamGenerateContent?alt=sse"}),
    tasks=MappingProxyType({"midjourney": plus, "suno": suno.Gateway(), "udio": udio.TaskDialect()}),
)
