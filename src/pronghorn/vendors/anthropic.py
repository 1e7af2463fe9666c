"""Anthropic: its own dialect, the key in `x-api-key`."""

from types import MappingProxyType

from pronghorn.vendors.base import ChatVendor, Header

vendor = ChatVendor(
    name="anthropic",
    base_url="https://api.anthropic.com/v1",
    auth=Header("x-api-key"),
    paths=MappingProxyType({"messages": "/messages", "count_tokens": "/messages/count_tokens"}),
    headers=MappingProxyType({b"anthropic-version": b"2023-06-01"}),
)
