"""The endpoints as data: what each takes, what it gives, how it is measured.

Those that take a turn of a conversation have a `dialect`, and a vendor of another dialect can answer for them.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import msgspec

from pronghorn.relay import reading, streams
from pronghorn.wire import anthropic, gemini, openai
from pronghorn.wire.openai import Peek

JSON = b"application/json"
MULTIPART = b"multipart/form-data"


Owned = tuple[tuple[str, tuple[bytes, ...]], ...]
"""A member of a `Peek`, and how it may be spelled in a body, quoted and in lower case."""


def _owned(*names: str) -> Owned:
    return tuple((name, (f'"{name}"'.encode(),)) for name in names)


_OWNED = _owned(
    "model",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "stream",
    "stream_options",
    "stream_format",
    "models",
)
_OWNED_OF_RESPONSES = (*_owned("model", "stream", "models"), ("max_tokens", (b'"max_output_tokens"',)))

_NUMBERS = ("batch_size", "sequential_image_generation", "sequential_image_generation_options")
_OWNED_OF_PICTURES = (*_OWNED, *_owned("size", "quality", "partial_images", *_NUMBERS))


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    name: str
    """As vendors' path tables and the usage log have it."""
    path: str
    """Below `/v1/`; routes that name the model in their path are matched by `api.gemini`."""
    dialect: str = "chat"
    """Whose words its errors use."""
    is_turn: bool = False
    """Takes a turn of a conversation: the name of such an endpoint is that of its dialect."""
    peek: Callable[[bytes], Peek] = openai.peek_decoder.decode
    """Reads what the gateway needs of a body. Raises `ValueError`."""
    limit: tuple[str, ...] = ()
    """Where the output limit of a body goes, as member names from the outside in; empty: the vendor says."""
    owned: Owned = _OWNED
    """Members that decide what is done or what it costs: no other parser may find others than ours did."""
    read: reading.Reader
    """Reads a whole answer: usage, finish, whether there was anything in it."""
    needs: tuple[str, ...] = ("chat", "chat_images")
    """Capabilities of models, any of which will do; the first is the one that is missing where there is none."""
    measure: Literal["chat", "tokens", "images", "speech", "audio", "free"]
    """How an upper bound of its cost is found."""
    bodies: tuple[bytes, ...] = (JSON,)
    stream: Callable[[], streams.StreamReader] | None = None
    """Reads a streamed answer; None where there is none."""
    default_model: str | None = None
    can_report_usage: bool = False
    """Takes `stream_options.include_usage`."""
    counted: Callable[[int], dict[str, object]] | None = None
    """Only counts tokens, for nothing: the answer that says so many, for when no vendor counts."""
    is_repeatable: bool = True
    """May be asked of another channel after one failed on it; false where a repetition could cost twice."""

    @cached_property
    def is_quick(self) -> bool:
        """JSON to JSON, with nothing kept of it: the fast lane may serve it."""
        return (
            JSON in self.bodies
            and self.is_repeatable
            and self.measure != "speech"
            and self.name != "responses"
        )

    @cached_property
    def is_json(self) -> bool:
        """Its whole answers are JSON, by whatever type a vendor sends them."""
        return self.measure not in ("speech", "audio")

    @cached_property
    def names(self) -> frozenset[str]:
        """The owned members as a body spells them."""
        return frozenset(spelling[1:-1].decode() for _, spellings in self.owned for spelling in spellings)


def _peek_completions(body: bytes) -> Peek:
    found = openai.completions_peek_decoder.decode(body)
    if found.max_tokens is None:
        found.max_completion_tokens = None  # nothing to this route, whose own default then holds
    return found


def _peek_messages(body: bytes) -> Peek:
    found = anthropic.peek_decoder.decode(body)
    return Peek(
        model=found.model,
        stream=found.stream,
        max_tokens=found.max_tokens,
        models=found.models,
        provider=found.provider,
    )


def _peek_responses(body: bytes) -> Peek:
    found = openai.responses_peek_decoder.decode(body)
    return Peek(
        model=found.model,
        stream=found.stream,
        max_tokens=found.max_output_tokens,
        models=found.models,
        provider=found.provider,
    )


def _peek_generate(body: bytes) -> Peek:
    """The model and whether it streams are in the path."""
    found = gemini.peek_decoder.decode(body)
    config = found.generationConfig or found.generation_config or gemini.GenerationConfig()
    return Peek(
        max_tokens=config.maxOutputTokens if config.maxOutputTokens is not None else config.max_output_tokens,
        n=config.candidateCount or config.candidate_count,
    )


GENERATE = Endpoint(
    name="generate",
    path="",
    dialect="generate",
    is_turn=True,
    peek=_peek_generate,
    limit=("generationConfig", "maxOutputTokens"),
    owned=(
        ("max_tokens", (b'"maxoutputtokens"', b'"max_output_tokens"')),
        ("n", (b'"candidatecount"', b'"candidate_count"')),
    ),
    read=reading.generated,
    stream=streams.GenerateReader,
    measure="chat",
)

_TABLE = (
    Endpoint(
        name="chat",
        path="chat/completions",
        is_turn=True,
        read=reading.completion,
        stream=streams.CompletionReader,
        measure="chat",
        can_report_usage=True,
    ),
    Endpoint(
        name="completions",
        needs=("completions", "chat"),
        path="completions",
        peek=_peek_completions,
        owned=(*_OWNED, *_owned("prompt")),
        read=reading.completion,
        stream=streams.CompletionReader,
        measure="chat",
        can_report_usage=True,
    ),
    Endpoint(
        name="messages",
        path="messages",
        dialect="messages",
        is_turn=True,
        peek=_peek_messages,
        limit=("max_tokens",),
        owned=_owned("model", "max_tokens", "stream", "models"),
        read=reading.messages,
        stream=streams.MessagesReader,
        measure="chat",
    ),
    Endpoint(
        name="responses",
        path="responses",
        dialect="responses",
        is_turn=True,
        peek=_peek_responses,
        limit=("max_output_tokens",),
        owned=_OWNED_OF_RESPONSES,
        read=reading.response,
        stream=streams.ResponsesReader,
        measure="chat",
    ),
    GENERATE,
    Endpoint(
        name="responses_input_tokens",
        path="responses/input_tokens",
        dialect="responses",
        peek=_peek_responses,
        read=reading.counted,
        measure="free",
        counted=lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
    ),
    Endpoint(
        name="responses_compact",
        path="responses/compact",
        dialect="responses",
        peek=_peek_responses,
        owned=_OWNED_OF_RESPONSES,
        read=reading.response,
        measure="chat",
    ),
    Endpoint(
        name="count_tokens",
        path="messages/count_tokens",
        dialect="messages",
        peek=_peek_messages,
        read=reading.counted,
        measure="free",
        counted=lambda tokens: {"input_tokens": tokens},
    ),
    Endpoint(
        name="count_generate",
        path="",
        dialect="generate",
        peek=_peek_generate,
        read=reading.counted,
        measure="free",
        counted=lambda tokens: {"totalTokens": tokens},
    ),
    Endpoint(
        name="embed_content",
        needs=("embeddings",),
        path="",
        dialect="generate",
        peek=_peek_generate,
        read=reading.embedded,
        measure="tokens",
    ),
    Endpoint(
        name="batch_embed_contents",
        needs=("embeddings",),
        path="",
        dialect="generate",
        peek=_peek_generate,
        read=reading.embedded,
        measure="tokens",
    ),
    Endpoint(
        name="embeddings", path="embeddings", needs=("embeddings",), read=reading.listing, measure="tokens"
    ),
    Endpoint(
        name="images_generations",
        needs=("images", "chat_images"),
        path="images/generations",
        peek=openai.images_peek_decoder.decode,
        owned=_OWNED_OF_PICTURES,
        read=reading.images,
        stream=streams.EventReader,
        measure="images",
        default_model="gpt-image-1",
        is_repeatable=False,
    ),
    Endpoint(
        name="images_edits",
        needs=("images", "chat_images"),
        path="images/edits",
        peek=openai.images_peek_decoder.decode,
        owned=_OWNED_OF_PICTURES,
        read=reading.images,
        stream=streams.EventReader,
        measure="images",
        bodies=(MULTIPART, JSON),
        default_model="gpt-image-1",
        is_repeatable=False,
    ),
    Endpoint(
        name="images_variations",
        needs=("images", "chat_images"),
        path="images/variations",
        read=reading.images,
        measure="images",
        bodies=(MULTIPART,),
        default_model="dall-e-2",
        is_repeatable=False,
    ),
    Endpoint(
        name="speech",
        needs=("speech",),
        path="audio/speech",
        owned=(*_OWNED, *_owned("input")),
        read=reading.binary,
        stream=streams.EventReader,
        measure="speech",
        default_model="tts-1",
    ),
    Endpoint(
        name="transcriptions",
        needs=("transcription",),
        path="audio/transcriptions",
        read=reading.transcript,
        stream=streams.EventReader,
        measure="audio",
        bodies=(MULTIPART,),
        default_model="whisper-1",
    ),
    Endpoint(
        name="translations",
        needs=("transcription",),
        path="audio/translations",
        read=reading.transcript,
        measure="audio",
        bodies=(MULTIPART,),
        default_model="whisper-1",
    ),
    Endpoint(
        name="moderations",
        needs=("moderations",),
        path="moderations",
        read=reading.listing,
        measure="tokens",
        default_model="omni-moderation-latest",
    ),
    Endpoint(
        name="rerank",
        path="rerank",
        needs=("rerank",),
        peek=openai.rerank_peek_decoder.decode,
        owned=(*_OWNED, *_owned("documents")),
        read=reading.listing,
        measure="tokens",
    ),
)

ENDPOINTS = {endpoint.path: endpoint for endpoint in _TABLE if endpoint.path}
BY_NAME = {endpoint.name: endpoint for endpoint in _TABLE}
