"""Azure OpenAI's v1 API: OpenAI's dialect, the key in `api-key`, and the deployment's name as the model.

The base URL is the resource's own, `https://RESOURCE.openai.azure.com/openai/v1`. Claude in Foundry is vendor
`anthropic` with `https://RESOURCE.services.ai.azure.com/anthropic/v1`.
Source: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
"""

from types import MappingProxyType

from pronghorn.vendors.base import OPENAI_SOCKET_PATHS, ChatVendor, Header
from pronghorn.vendors.openai import RESPONDERS

vendor = ChatVendor(
    name="azure",
    base_url="",
    root="/openai/v1",
    auth=Header("api-key"),
    output_limit="max_completion_tokens",
    socket_paths=OPENAI_SOCKET_PATHS,
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "responses": "/responses",
            "embeddings": "/embeddings",
            "images_generations": "/images/generations",
            "images_edits": "/images/edits",
            "speech": "/audio/speech",
            "transcriptions": "/audio/transcriptions",
            "translations": "/audio/translations",
        }
    ),
    traits=frozenset(("openai",)),
    responders=RESPONDERS,
)
