"""The endpoints of the OpenAI dialect as data: what each takes, what it gives, how it is measured."""

from collections.abc import Callable
from typing import Literal

import msgspec

from pronghorn.relay import reading, streams

JSON = b"application/json"
MULTIPART = b"multipart/form-data"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """As vendors' path tables and the usage log have it."""
    path: str
    """Below `/v1/`."""
    read: reading.Reader
    """Reads a whole answer: usage, finish, whether there was anything in it."""
    measure: Literal["chat", "tokens", "images", "speech", "audio", "free"]
    """How an upper bound of its cost is found."""
    bodies: tuple[bytes, ...] = (JSON,)
    stream: Callable[[], streams.StreamReader] | None = None
    """Reads a streamed answer; None where there is none."""
    default_model: str | None = None
    can_report_usage: bool = False
    """Takes `stream_options.include_usage`."""
    is_repeatable: bool = True
    """May be asked of another channel after one failed on it; false where a repetition could cost twice."""


_TABLE = (
    Endpoint(
        name="chat",
        path="chat/completions",
        read=reading.completion,
        stream=streams.CompletionReader,
        measure="chat",
        can_report_usage=True,
    ),
    Endpoint(
        name="completions",
        path="completions",
        read=reading.completion,
        stream=streams.CompletionReader,
        measure="chat",
        can_report_usage=True,
    ),
    Endpoint(name="embeddings", path="embeddings", read=reading.listing, measure="tokens"),
    Endpoint(
        name="images_generations",
        path="images/generations",
        read=reading.images,
        stream=streams.EventReader,
        measure="images",
        default_model="gpt-image-1",
        is_repeatable=False,
    ),
    Endpoint(
        name="images_edits",
        path="images/edits",
        read=reading.images,
        stream=streams.EventReader,
        measure="images",
        bodies=(MULTIPART, JSON),
        default_model="gpt-image-1",
        is_repeatable=False,
    ),
    Endpoint(
        name="images_variations",
        path="images/variations",
        read=reading.images,
        measure="images",
        bodies=(MULTIPART,),
        default_model="dall-e-2",
        is_repeatable=False,
    ),
    Endpoint(
        name="speech",
        path="audio/speech",
        read=reading.binary,
        stream=streams.EventReader,
        measure="speech",
        default_model="tts-1",
    ),
    Endpoint(
        name="transcriptions",
        path="audio/transcriptions",
        read=reading.transcript,
        stream=streams.EventReader,
        measure="audio",
        bodies=(MULTIPART,),
        default_model="whisper-1",
    ),
    Endpoint(
        name="translations",
        path="audio/translations",
        read=reading.transcript,
        measure="audio",
        bodies=(MULTIPART,),
        default_model="whisper-1",
    ),
    Endpoint(
        name="moderations",
        path="moderations",
        read=reading.listing,
        measure="tokens",
        default_model="omni-moderation-latest",
    ),
    Endpoint(name="rerank", path="rerank", read=reading.listing, measure="tokens"),
)

ENDPOINTS = {endpoint.path: endpoint for endpoint in _TABLE}
