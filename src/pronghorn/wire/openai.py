"""The OpenAI dialect, as far as the gateway has to understand it. Sources: OpenAI's OpenAPI document, wire notes."""

from typing import Annotated, Any

import msgspec

MAX_TOKENS = 10_000_000
MAX_CHOICES = 128
LONGEST_SEQUENCE = 15
"""Pictures that Doubao paints at most for one request."""

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
    web_search_options: msgspec.Raw = NOTHING

    def prompts(self) -> int:
        """How many are answered, each of them `n` times."""
        return 1

    def pictures(self) -> int:
        """How many are painted at most."""
        return self.n or 1

    def searches(self) -> int:
        """As how many it may be counted at most."""
        return 1


class CompletionsPeek(Peek, gc=False):
    """Of a text completion, whose prompt may be a list of texts, of tokens, or of lists of tokens."""

    prompt: msgspec.Raw = NOTHING

    def prompts(self) -> int:
        if bytes(memoryview(self.prompt)[:1]) != b"[":
            return 1
        listed = _list_decoder.decode(self.prompt)
        is_tokens = not listed or bytes(memoryview(listed[0])[:1]) not in (b'"', b"[")
        return 1 if is_tokens else len(listed)


class Sequence(msgspec.Struct, gc=False):
    max_images: Count | None = None


class ImagesPeek(Peek, gc=False):
    """Of a request for pictures, with the other words that vendors have for how many."""

    batch_size: Count | None = None
    """SiliconFlow's."""
    sequential_image_generation: str | None = None
    """Doubao's: `auto` leaves it to the model to paint more than one."""
    sequential_image_generation_options: Sequence | None = None

    def pictures(self) -> int:
        most = max(self.n or 1, self.batch_size or 1)
        if self.sequential_image_generation != "auto":
            return most
        options = self.sequential_image_generation_options
        return max(most, (options.max_images if options is not None else None) or LONGEST_SEQUENCE)


class RerankPeek(Peek, gc=False):
    documents: msgspec.Raw = NOTHING

    def searches(self) -> int:
        """Cohere counts each hundred documents, and cuts long ones into pieces of 500 tokens."""
        if bytes(memoryview(self.documents)[:1]) != b"[":
            return 1
        pieces = len(_list_decoder.decode(self.documents)) + len(self.documents) // 500
        return -(-pieces // 100) or 1


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
    reasoning_details: Any = None
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
    meta: msgspec.Raw = NOTHING
    """Cohere's, with what it bills."""
    error: msgspec.Raw = NOTHING
    size: str | None = None
    quality: str | None = None


class BilledUnits(msgspec.Struct, gc=False):
    search_units: float | None = None


class Meta(msgspec.Struct, gc=False):
    billed_units: BilledUnits | None = None


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
    text: Any = None
    refusal: Any = None


class ResponseItem(msgspec.Struct, gc=False):
    """Of whatever kind, and there are more each year: its text is counted where it is one."""

    type: str | None = None
    content: list[ResponsePart] | str | None = None
    summary: list[ResponsePart] | str | None = None
    name: Any = None
    arguments: Any = None
    """An object in the search for a tool."""
    input: Any = None


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
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
rerank_peek_decoder = msgspec.json.Decoder(RerankPeek)
images_peek_decoder = msgspec.json.Decoder(ImagesPeek)
completions_peek_decoder = msgspec.json.Decoder(CompletionsPeek)
responses_peek_decoder = msgspec.json.Decoder(ResponsesPeek)
response_decoder = msgspec.json.Decoder(ResponseObject)
response_event_decoder = msgspec.json.Decoder(ResponseEvent)
answer_decoder = msgspec.json.Decoder(Answer)
meta_decoder = msgspec.json.Decoder(Meta)
list_decoder = msgspec.json.Decoder(ListAnswer)
transcript_decoder = msgspec.json.Decoder(Transcript)
event_decoder = msgspec.json.Decoder(Event)
usage_decoder = msgspec.json.Decoder(UsageObject)
members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def sound_usage(found: Any) -> dict[str, Any]:
    """A `usage` as far as it makes sense: `10.0` is a count, and a bad detail takes no total with it."""
    if not isinstance(found, dict):
        return {}
    return {
        name: _sound_details(value) if name.endswith("_details") else _whole(value)
        for name, value in found.items()
    }


def _sound_details(found: Any) -> dict[str, int]:
    details = found if isinstance(found, dict) else {}
    return {name: count for name, value in details.items() if type(count := _whole(value)) is int}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_present(raw: msgspec.Raw) -> bool:
    """True for a member that is there and not null."""
    return len(raw) > 0 and bytes(raw) != b"null"
