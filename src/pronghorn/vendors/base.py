"""What a vendor's module says, as data. No I/O."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec


class Auth(Protocol):
    def head(self, credential: str) -> bytes:
        """The header lines that carry `credential`, each with its CRLF."""


class Bearer(msgspec.Struct, frozen=True):
    """`Authorization: Bearer <credential>`."""

    def head(self, credential: str) -> bytes:
        return f"authorization: Bearer {credential}\r\n".encode("latin-1")


OPENAI_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "chat": "/chat/completions",
        "completions": "/completions",
        "embeddings": "/embeddings",
        "images_generations": "/images/generations",
        "images_edits": "/images/edits",
        "images_variations": "/images/variations",
        "speech": "/audio/speech",
        "transcriptions": "/audio/transcriptions",
        "translations": "/audio/translations",
        "moderations": "/moderations",
        "rerank": "/rerank",
    }
)
"""Endpoint to path, for vendors that speak the OpenAI dialect whole."""


class ChatVendor(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor whose endpoints answer in the same exchange."""

    name: str
    base_url: str
    """Used when a channel gives none; empty if there is no sensible one."""
    root: str = "/v1"
    """Added to a channel's base URL that has no path of its own."""
    auth: Auth = Bearer()
    paths: Mapping[str, str] = OPENAI_PATHS
    output_limit: str = "max_tokens"
    """The chat field that limits the output, for when the gateway has to set one."""

    def url_path(self, base_path: str, endpoint: str) -> str | None:
        """The path of an endpoint below a channel's base path; None if this vendor does not have it."""
        path = self.paths.get(endpoint)
        return None if path is None else (base_path or self.root) + path
