"""OpenAI's Realtime events, as far as the gateway has to understand them; the rest of an event stays bytes.

Source: https://platform.openai.com/docs/api-reference/realtime, wire notes section 12.
"""

import msgspec

NOTHING = msgspec.Raw(b"")


class CachedDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None
    image_tokens: int | None = None


class InputDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedDetails | None = None


class OutputDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None


class UsageObject(msgspec.Struct, gc=False):
    """Of a response, or of a transcription, which may be counted in seconds instead."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    input_token_details: InputDetails | None = None
    output_token_details: OutputDetails | None = None


class StatusDetails(msgspec.Struct, gc=False):
    reason: str | None = None


class ResponseObject(msgspec.Struct, gc=False):
    id: str = ""
    status: str | None = None
    status_details: StatusDetails | None = None
    output: list["Item"] | None = None
    conversation_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """None of a response that is no part of the conversation."""
    usage: msgspec.Raw = NOTHING


class Item(msgspec.Struct, gc=False):
    type: str | None = None


class ServerEvent(msgspec.Struct, gc=False):
    """What a vendor says."""

    type: str
    response_id: str | None = None
    response: ResponseObject | None = None
    delta: msgspec.Raw = NOTHING
    usage: msgspec.Raw = NOTHING


class Content(msgspec.Struct, gc=False):
    audio: msgspec.Raw = NOTHING
    image_url: msgspec.Raw = NOTHING


class GivenItem(msgspec.Struct, gc=False):
    """What a caller adds to the conversation."""

    content: list[Content] | None = None


class ClientEvent(msgspec.Struct, gc=False):
    """What a caller says."""

    type: str
    event_id: str | None = None
    audio: msgspec.Raw = NOTHING
    session: msgspec.Raw = NOTHING
    item: msgspec.Raw = NOTHING


class Format(msgspec.Struct, gc=False):
    type: str | None = None


class Transcription(msgspec.Struct, gc=False):
    model: str | None = None


class AudioInput(msgspec.Struct, gc=False):
    format: Format | None = None
    transcription: Transcription | None = None


class AudioOutput(msgspec.Struct, gc=False):
    format: Format | None = None


class Audio(msgspec.Struct, gc=False):
    input: AudioInput | None = None
    output: AudioOutput | None = None


class Session(msgspec.Struct, gc=False):
    type: str | None = None
    model: str | None = None
    audio: Audio | None = None


class Expiry(msgspec.Struct, gc=False):
    anchor: str = "created_at"
    seconds: int | None = None


class SecretRequest(msgspec.Struct, gc=False):
    """The body of `POST /v1/realtime/client_secrets`."""

    expires_after: Expiry | None = None
    session: msgspec.Raw = NOTHING


server_decoder = msgspec.json.Decoder(ServerEvent)
client_decoder = msgspec.json.Decoder(ClientEvent)
item_decoder = msgspec.json.Decoder(GivenItem)
session_decoder = msgspec.json.Decoder(Session)
usage_decoder = msgspec.json.Decoder(UsageObject)
secret_decoder = msgspec.json.Decoder(SecretRequest)
