"""Voyage AI: OpenAI-shaped embeddings, whose kind of input is told in `input_type`.

Source: https://docs.voyageai.com/reference/embeddings-api
"""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor

vendor = ChatVendor(
    name="voyageai",
    base_url="https://api.voyageai.com/v1",
    paths=MappingProxyType(
        {
            "embeddings": "/embeddings",
        }
    ),
    words="detail",
)
