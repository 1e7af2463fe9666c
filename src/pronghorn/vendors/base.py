"""What a vendor's module says, as data. No I/O."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from pronghorn.vendors.task import TaskAdapter

Json = dict[str, Any]


class Auth(Protocol):
    def head(self, credential: str) -> bytes:
        """The header lines that carry `credential`, each with its CRLF."""


class Bearer(msgspec.Struct, frozen=True):
    """`Authorization: Bearer <credential>`."""

    def head(self, credential: str) -> bytes:
        return f"authorization: Bearer {credential}\r\n".encode("latin-1")


class Header(msgspec.Struct, frozen=True):
    """The credential alone in a header of the vendor's own, such as `x-api-key`."""

    name: str

    def head(self, credential: str) -> bytes:
        return f"{self.name}: {credential}\r\n".encode("latin-1")


OPENAI_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "chat": "/chat/completions",
        "responses": "/responses",
        "responses_input_tokens": "/responses/input_tokens",
        "responses_compact": "/responses/compact",
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

ONE_LIMIT: Mapping[str, str] = MappingProxyType({"max_completion_tokens": "max_tokens"})
"""`renames` of vendors that know the older word alone: by the other one they would be without a limit."""

OPENAI_SOCKET_PATHS: Mapping[str, str] = MappingProxyType(
    {"realtime": "/realtime?model={model}", "realtime_transcription": "/realtime?intent=transcription"}
)
"""The same for its WebSockets."""


TURNS = ("chat", "messages", "responses", "generate")
"""The endpoints that take a turn of a conversation, each in a dialect of its own; the first that a vendor has is
what callers of a dialect that it does not have are converted to."""


_INSTEAD = {"embed_content": ("embeddings",), "batch_embed_contents": ("embeddings",)}


class Unsigned(NamedTuple):
    """A request before it is signed."""

    method: str
    host: str
    target: str
    """Path and query, percent-encoded."""
    body: bytes
    now_s: float
    """Unix time."""


class TokenRequest(NamedTuple):
    """A form to be posted for a token."""

    url: str
    form: Mapping[str, str]


class TokenExchange(Protocol):
    def request(self, credential: str, now_s: float) -> TokenRequest:
        """Raises `ValueError` for a credential that is none of this vendor's."""

    def read(self, answer: Json) -> tuple[str, float]:
        """The token, and for how many seconds it lives. Raises `ValueError`."""


class Unframer(Protocol):
    def feed(self, data: bytes) -> bytes:
        """Whole server-sent events out of the vendor's bytes. Raises `ValueError` for damaged frames."""


class ChatVendor(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor: endpoints that answer in the same exchange, and families of tasks."""

    name: str
    base_url: str
    """Used when a channel gives none; empty if there is no sensible one."""
    root: str = "/v1"
    """Added to a channel's base URL that has no path of its own."""
    auth: Auth = Bearer()
    paths: Mapping[str, str] = OPENAI_PATHS
    """Endpoint to path; `{model}` in it stands for the model's name."""
    stream_paths: Mapping[str, str] = MappingProxyType({})
    """Where a streamed answer has another address."""
    socket_paths: Mapping[str, str] = MappingProxyType({})
    """Path and query of what is a WebSocket: `realtime` and `realtime_transcription`; `{model}` as above."""
    tasks: Mapping[str, TaskAdapter] = MappingProxyType({})
    """Family of long jobs to how it is asked for them."""
    headers: Mapping[bytes, bytes] = MappingProxyType({})
    """Sent with every request, unless the caller's own take their place."""
    traits: frozenset[str] = frozenset()
    """How its dialects differ from what is written of them; `convert/dialect.py` says which traits there are."""
    routes: bool = False
    """Understands OpenRouter's `provider` in a body; others would refuse it, or wonder."""
    output_limit: str = "max_tokens"
    """The chat field that limits the output, for when the gateway has to set one."""
    renames: Mapping[str, str] = MappingProxyType({})
    """Members of a chat body that this vendor calls otherwise."""
    drops: frozenset[str] = frozenset()
    """Members of a chat body that it refuses; a caller is told that they were left out."""
    responders: re.Pattern[str] | None = None
    """Models that take functions in responses alone; elsewhere than at `base_url` nothing is known of them."""
    shape: Callable[[str, Json, Mapping[bytes, bytes]], Json] | None = None
    """(endpoint, body, the caller's headers) to the body as this vendor has it, where its dialect differs a little."""
    sign: Callable[[Unsigned, str], bytes] | None = None
    """(request, credential) to header lines, for vendors that want each request signed; `auth` is not used then."""
    token: TokenExchange | None = None
    """For vendors whose credential only buys a token that lives for a while; `auth` carries the token."""
    words: str = ""
    """The member of an error's body that says what was wrong, for vendors that have no `error.message`."""
    unframe: Callable[[], Unframer] | None = None
    """For vendors that stream in frames of their own: gives server-sent events."""

    def url_path(self, base_path: str, endpoint: str) -> str | None:
        """The path of an endpoint below a channel's base path; None if this vendor does not have it."""
        path = self.paths.get(endpoint)
        return None if path is None else (base_path or self.root) + path

    def stream_url_path(self, base_path: str, endpoint: str) -> str | None:
        path = self.stream_paths.get(endpoint)
        return self.url_path(base_path, endpoint) if path is None else (base_path or self.root) + path

    def responds(self, host: str, model: str) -> bool:
        """A converted request with functions has to be one of Responses."""
        if self.responders is None or self.responders.match(model) is None:
            return False
        return host.endswith(urlsplit(self.base_url).hostname or "")

    def target(self, endpoint: str) -> str | None:
        """The endpoint that answers for `endpoint`: itself, or for a turn another dialect's; None without any."""
        if endpoint in self.paths or endpoint in self.socket_paths or endpoint in self.tasks:
            return endpoint
        others = TURNS if endpoint in TURNS else _INSTEAD.get(endpoint, ())
        return next((name for name in others if name in self.paths), None)
