"""The Anthropic dialect, as far as the gateway has to understand it. Source: Anthropic's OpenAPI document."""

from typing import Any

import msgspec

from pronghorn.wire.openai import Limit


class Peek(msgspec.Struct, gc=False):
    """What the gateway needs of a request body."""

    model: str | None = None
    stream: bool | None = None
    max_tokens: Limit | None = None
    models: msgspec.Raw = msgspec.Raw(b"")
    provider: msgspec.Raw = msgspec.Raw(b"")


class CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class UsageObject(msgspec.Struct, gc=False):
    """The three counts of input are disjoint; `output_tokens` has thinking in it."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None

    def overlaid(self, later: "UsageObject") -> "UsageObject":
        """A stream counts twice: what the end says holds, where it says something."""
        return UsageObject(
            *(
                mine if theirs is None else theirs
                for mine, theirs in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(later), strict=True
                )
            )
        )


class Block(msgspec.Struct, gc=False):
    """A content block or the delta of one, for telling whether there is any content and how much."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    name: str | None = None
    input: Any = None
    stop_reason: str | None = None
    """Of the delta in `message_delta`."""


class Answer(msgspec.Struct, gc=False):
    type: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: UsageObject | None = None
    error: Any = None


class Event(msgspec.Struct, gc=False):
    type: str
    message: Answer | None = None
    content_block: Block | None = None
    delta: Block | None = None
    usage: UsageObject | None = None
    error: Any = None


peek_decoder = msgspec.json.Decoder(Peek)
answer_decoder = msgspec.json.Decoder(Answer)
event_decoder = msgspec.json.Decoder(Event)
