"""Another Pronghorn: every dialect and endpoint that this one has, so nothing is converted on the way."""

from types import MappingProxyType

from pronghorn.vendors import suno, udio
from pronghorn.vendors.base import OPENAI_PATHS, ChatVendor
from pronghorn.vendors.midjourney import plus

vendor = ChatVendor(
    name="pronghorn",
    base_url="",
    paths=MappingProxyType(
        {
            **OPENAI_PATHS,
            "messages": "/messages",
            "count_tokens": "/messages/count_tokens",
            "generate": "/models/{model}:generateContent",
            "count_generate": "/models/{model}:countTokens",
            "embed_content": "/models/{model}:embedContent",
            "batch_embed_contents": "/models/{model}:batchEmbedContents",
        }
    ),
    stream_paths=MappingProxyType({"generate": "/models/{model}:streamGenerateContent?alt=sse"}),
    tasks=MappingProxyType({"midjourney": plus, "suno": suno.Gateway(), "udio": udio.TaskDialect()}),
    routes=True,
)
