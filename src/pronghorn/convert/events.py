"""A streamed answer as canonical events, and the two ways between them and a whole one.

The order for each choice: `Opened`, then what grows the open part, then `Closed`; one part is open at a time.
`Started` comes first, `Counted` as often as the vendor counts (the last one holds), `Finished` once a choice,
`Ended` last, and only after the vendor's own end: a stream without it was cut.
"""

import secrets
from collections.abc import Iterable, Iterator

import msgspec

from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
    Json,
    Logprob,
    Media,
    Part,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from pronghorn.wire.usage import Usage


class Started(msgspec.Struct, gc=False):
    id: str
    model: str
    created_s: int = 0
    service_tier: str = ""


class Opened(msgspec.Struct, gc=False):
    """`part` as far as it is known; text, arguments and signature may still be empty. Media and foreign are whole."""

    part: Part
    choice: int = 0


class Grew(msgspec.Struct, gc=False):
    """More of the open part's text, or of its arguments."""

    text: str
    choice: int = 0
    logprobs: list[Logprob] | None = None


class Signed(msgspec.Struct, gc=False):
    """The open part's signature."""

    signature: Signature
    choice: int = 0


class Cited(msgspec.Struct, gc=False):
    """A citation of the open text."""

    citation: Citation
    choice: int = 0


class Closed(msgspec.Struct, gc=False):
    choice: int = 0


class Counted(msgspec.Struct, gc=False):
    usage: Usage


class Finished(msgspec.Struct, gc=False):
    finish: Finish
    choice: int = 0
    stop_sequence: str = ""
    detail: Json | None = None


class Ended(msgspec.Struct, gc=False):
    pass


Event = Started | Opened | Grew | Signed | Cited | Closed | Counted | Finished | Ended


def replay(reply: Reply, piece_characters: int = 0) -> Iterator[Event]:
    """A whole answer as events; texts come in pieces of that many characters, or each at once."""
    yield Started(reply.id, reply.model, reply.created_s, reply.service_tier)
    for index, choice in enumerate(reply.choices):
        logprobs = choice.logprobs
        for part in choice.parts:
            yield from _replay_part(
                part, index, piece_characters, logprobs if isinstance(part, Text) else None
            )
            if isinstance(part, Text):
                logprobs = None  # all of them belong to the first text
        yield Finished(choice.finish, index, choice.stop_sequence, choice.detail)
    if reply.usage is not None:
        yield Counted(reply.usage)
    yield Ended()


def _replay_part(part: Part, choice: int, size: int, logprobs: list[Logprob] | None) -> Iterator[Event]:
    text = _growing(part)
    if text is None:
        yield Opened(part, choice)
        yield Closed(choice)
        return
    yield Opened(_skeleton(part), choice)
    for start in range(0, len(text), size or max(len(text), 1)):
        yield Grew(text[start : start + size] if size else text, choice, logprobs)
        logprobs = None
    if isinstance(part, Text):
        yield from (Cited(citation, choice) for citation in part.citations)
    if isinstance(part, Text | Thinking) and part.signature is not None:
        yield Signed(part.signature, choice)
    yield Closed(choice)


def _growing(part: Part) -> str | None:
    """The text that grows in a stream; None for a part that comes whole."""
    if isinstance(part, Text | Refusal):
        return part.text
    if isinstance(part, Thinking):
        return None if part.is_redacted else part.text
    return part.arguments if isinstance(part, ToolCall) else None


def _skeleton(part: Part) -> Part:
    if isinstance(part, Text):
        return Text("")
    if isinstance(part, Refusal):
        return Refusal("")
    if isinstance(part, Thinking):
        return Thinking(id=part.id)
    assert isinstance(part, ToolCall)
    return ToolCall(part.id, part.name, "", part.is_custom, part.signature, namespace=part.namespace)


class Collector:
    """Builds the whole answer out of events; `reply` is what it has so far."""

    def __init__(self) -> None:
        self.reply = Reply("", "", [])
        self.is_ended = False

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        reply = self.reply
        if isinstance(event, Started):
            reply.id, reply.model = event.id, event.model
            reply.created_s, reply.service_tier = event.created_s, event.service_tier
        elif isinstance(event, Counted):
            reply.usage = event.usage
        elif isinstance(event, Ended):
            self.is_ended = True
        else:
            self._change(self._choice(event.choice), event)

    def _choice(self, index: int) -> Choice:
        choices = self.reply.choices
        while len(choices) <= index:
            choices.append(Choice([], "truncated"))
        return choices[index]

    def _change(self, choice: Choice, event: Opened | Grew | Signed | Cited | Closed | Finished) -> None:
        if isinstance(event, Opened):
            choice.parts.append(msgspec.structs.replace(event.part))
        elif isinstance(event, Grew):
            self._grow(choice.parts[-1], event.text)
            if event.logprobs is not None:
                choice.logprobs = (choice.logprobs or []) + event.logprobs
        elif isinstance(event, Signed):
            part = choice.parts[-1]
            assert isinstance(part, Text | Thinking | ToolCall | Media)
            part.signature = event.signature
        elif isinstance(event, Cited):
            text = choice.parts[-1]
            assert isinstance(text, Text)
            text.citations = [*text.citations, event.citation]
        elif isinstance(event, Finished):
            choice.finish, choice.stop_sequence, choice.detail = (
                event.finish,
                event.stop_sequence,
                event.detail,
            )

    @staticmethod
    def _grow(part: Part, text: str) -> None:
        if isinstance(part, ToolCall):
            part.arguments += text
        else:
            assert isinstance(part, Text | Thinking | Refusal)
            part.text += text


# What readers took from a vendor that keeps to no dialect may be of any kind.

MAX_CHOICES = 128
_STRINGS: dict[type, tuple[str, ...]] = {
    Text: ("text",),
    Refusal: ("text",),
    Thinking: ("text", "id"),
    ToolCall: ("id", "name", "arguments"),
    Media: ("mime", "data", "url", "file_id", "name", "transcript"),
    Citation: ("url", "title", "quote"),
    Started: ("id", "model", "service_tier"),
    Reply: ("id", "model", "service_tier"),
    Finished: ("stop_sequence",),
    Choice: ("stop_sequence",),
}


def tidy(found: Reply | Choice | Part | Citation | Event) -> bool:
    """Empties what should be text and is none. False if there was any; then the thing is not what was meant."""
    is_tidy = True
    for name in _STRINGS.get(type(found), ()):
        if not isinstance(getattr(found, name), str):
            setattr(found, name, "")
            is_tidy = False
    if isinstance(found, Choice | Finished) and not isinstance(found.detail, dict | None):
        found.detail = None
        is_tidy = False
    if isinstance(found, Text) and found.citations:
        odd = [citation for citation in found.citations if not tidy(citation)]
        is_tidy = is_tidy and not odd
    return is_tidy


def is_sayable(event: Event) -> bool:
    """False for an event that cannot be told. Of one that opens or ends something the rest is told."""
    if isinstance(event, Grew):
        return isinstance(event.text, str) and _is_choice(event.choice)
    if isinstance(event, Opened):
        tidy(event.part)
    elif isinstance(event, Cited):
        return tidy(event.citation) and _is_choice(event.choice)
    else:
        tidy(event)
    return isinstance(event, Started | Counted | Ended) or _is_choice(event.choice)


def _is_choice(index: object) -> bool:
    return isinstance(index, int) and 0 <= index < MAX_CHOICES


def new_call_id() -> str:
    """For a vendor that gives its calls no id."""
    return f"call_{secrets.token_hex(12)}"
