"""Alibaba's Qwen: OpenAI-shaped under DashScope's `/compatible-mode/v1`.

Thinking and search are switched by members of its own. Regions and workspaces have hosts of their own, such as
`dashscope-intl.aliyuncs.com`.
Source: https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="qwen",
    base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
    root="/compatible-mode/v1",
    paths=MappingProxyType(
        {
            "chat": "/chat/completions",
            "completions": "/completions",
            "embeddings": "/embeddings",
        }
    ),
    traits=frozenset(("takes_reasoning",)),
)
