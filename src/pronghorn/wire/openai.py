"""The OpenAI dialect, as far as the gateway has to understand it. Sources: OpenAI's OpenAPI document, wire notes."""

from typing import Annotated, Any

import msgspec

MAX_TOKENS = 10_000_000
MAX_CHOICES = 128

Limit = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_CHOICES)]

NOTHING = msgspec.Raw(b"")


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class Peek(msgspec.Struct, gc=False):
    """What the gateway needs of a JSON request body; all other fields stay where they are, as bytes."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stream_format: str | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    n: Count | None = None
    best_of: Count | None = None
    size: str | None = None
    quality: str | None = None
    partial_images: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    input: msgspec.Raw = NOTHING
    models: msgspec.Raw = NOTHING
    provider: msgspec.Raw = NOTHING
    """OpenRouter's way to say who is to answer, like `models`."""


class TokenDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cached_creation_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    text_tokens: int | None = None
    reasoning_tokens: int | None = None


class UsageObject(msgspec.Struct, gc=False):
    """All spellings of `usage` in this dialect: chat, responses-like (images, audio), and what single vendors add."""

    type: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    seconds: float | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None
    """Moonshot's."""
    prompt_audio_seconds: Any = None
    """Mistral's: of sound that it has heard, beside the tokens; elsewhere it may be an empty object."""
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None
    input_tokens_details: TokenDetails | None = None
    input_token_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None
    output_token_details: TokenDetails | None = None


class Message(msgspec.Struct, gc=False):
    """A chat message or a delta of one, for telling whether there is any content and how much."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[Any] | None = None
    function_call: Any = None
    audio: Any = None
    images: Any = None


class Choice(msgspec.Struct, gc=False):
    message: Message | None = None
    delta: Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    usage: Any = None
    """Moonshot's, in a stream; the others have it beside the choices."""


class Answer(msgspec.Struct, gc=False):
    """A chat or text completion, whole or one chunk of it."""

    choices: list[Choice] | None = None
    usage: UsageObject | None = None
    error: Any = None


class ListAnswer(msgspec.Struct, gc=False):
    """Embeddings, images, moderations, rerankings: something in a list, and usage."""

    data: list[msgspec.Raw] | None = None
    results: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    size: str | None = None
    quality: str | None = None


class Transcript(msgspec.Struct, gc=False):
    text: str | None = None
    duration: float | str | None = None
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class ResponsesPeek(msgspec.Struct, gc=False):
    """What the gateway needs of a body of `/v1/responses`."""

    model: str | None = None
    stream: bool | None = None
    max_output_tokens: Limit | None = None
    background: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    models: msgspec.Raw = NOTHING
    provider: msgspec.Raw = NOTHING


class ResponsePart(msgspec.Struct, gc=False):
    text: str | None = None
    refusal: str | None = None


class ResponseItem(msgspec.Struct, gc=False):
    type: str | None = None
    content: list[ResponsePart] | None = None
    summary: list[ResponsePart] | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class IncompleteDetails(msgspec.Struct, gc=False):
    reason: str | None = None


class ResponseObject(msgspec.Struct, gc=False):
    id: str | None = None
    status: str | None = None
    output: list[ResponseItem] | None = None
    incomplete_details: IncompleteDetails | None = None
    usage: UsageObject | None = None
    error: Any = None


class ResponseEvent(msgspec.Struct, gc=False):
    """An event of a streamed response."""

    type: str
    delta: Any = None
    response: ResponseObject | None = None
    item: ResponseItem | None = None


class Event(msgspec.Struct, gc=False):
    """An event of an image, speech or transcript stream."""

    type: str | None = None
    delta: str | None = None
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


peek_decoder = msgspec.json.Decoder(Peek)
responses_peek_decoder = msgspec.json.Decoder(ResponsesPeek)
response_decoder = msgspec.json.Decoder(ResponseObject)
response_event_decoder = msgspec.json.Decoder(ResponseEvent)
answer_decoder = msgspec.json.Decoder(Answer)
list_decoder = msgspec.json.Decoder(ListAnswer)
transcript_decoder = msgspec.json.Decoder(Transcript)
event_decoder = msgspec.json.Decoder(Event)
usage_decoder = msgspec.json.Decoder(UsageObject)
members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_present(raw: msgspec.Raw) -> bool:
    """True for a member that is there and not null."""
    return len(raw) > 0 and bytes(raw) != b"null"
