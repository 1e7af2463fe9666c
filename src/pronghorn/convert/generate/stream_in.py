"""Gemini's stream as canonical events: every event is an answer with some more parts, and nothing says the end.

So an ending waits for the end of the body: old models give a reason to finish with every event.
"""

from typing import Any

import msgspec

from pronghorn.convert.events import (
    Cited,
    Closed,
    Counted,
    Ended,
    Event,
    Finished,
    Grew,
    Opened,
    Signed,
    Started,
)
from pronghorn.convert.generate import citations, finishes, logprobs
from pronghorn.convert.generate.reply_in import read_block, read_model, read_part, read_tier, read_usage
from pronghorn.convert.turn import Json, Logprob, Part, Text, Thinking, ToolCall

_decoder = msgspec.json.Decoder()


class Reader:
    def __init__(self) -> None:
        self._is_started = False
        self._counts: Json = {}
        self._candidates: dict[int, _Candidate] = {}
        self._blocked: Finished | None = None

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            chunk = _decoder.decode(data)
            if "error" not in chunk:
                self._read(chunk, events)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass  # not an answer, or only up to here
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        is_ended = False
        for candidate in self._candidates.values():
            events += candidate.end()
            is_ended |= candidate.finished is not None
        if self._blocked is not None and not self._candidates:
            events.append(self._blocked)
            is_ended = True
        return [*events, Ended()] if is_ended else events

    def _read(self, chunk: Json, events: list[Event]) -> None:
        counts = chunk.get("usageMetadata")
        if not self._is_started:
            self._is_started = True
            tier = read_tier(counts or {})
            events.append(Started(chunk.get("responseId") or "", read_model(chunk), 0, tier))
        for found in chunk.get("candidates") or ():
            index = found.get("index") or 0
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = self._candidates[index] = _Candidate(index)
            events += candidate.take(found)
        block = read_block(chunk)
        if block is not None:
            self._blocked = Finished(block.finish, 0, "", block.detail)
        if counts and counts != self._counts:
            self._counts = counts
            usage = read_usage(counts)
            if usage is not None:
                events.append(Counted(usage))


class _Candidate:
    """What is open, and what was said so far."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._open: type[Text] | type[Thinking] | None = None
        self._is_signed = False
        self._has_calls = False
        self._pieces: list[str] = []
        """All text, and where in it the open part begins."""
        self._base = 0
        self._chunks: list[Json] = []
        self._seen: set[tuple[Any, ...]] = set()
        self.finished: Finished | None = None

    def take(self, found: Json) -> list[Event]:
        events: list[Event] = []
        told = logprobs.read(found.get("logprobsResult"))
        for raw in (found.get("content") or {}).get("parts") or ():
            part = read_part(raw)
            if type(part) is Text or (type(part) is Thinking and not part.is_redacted):
                events += self._grow(part, told if type(part) is Text else None)
                told = None if type(part) is Text and part.text else told
            else:
                events += self._whole(part)
        if told and self._open is Text:
            events.append(Grew("", self._index, told))
        if "groundingMetadata" in found or "citationMetadata" in found:
            events += self._cite(found)
        if found.get("finishReason"):
            finish = finishes.read(found["finishReason"], has_calls=self._has_calls)
            self.finished = Finished(finish, self._index, "", finishes.detail(found))
        return events

    def end(self) -> list[Event]:
        events = self._close()
        if self.finished is not None:
            if note := finishes.note(self.finished.detail, has_calls=self._has_calls):
                events += [Opened(Text(""), self._index), Grew(note, self._index), Closed(self._index)]
            events.append(self.finished)
        return events

    def _grow(self, part: Text | Thinking, told: list[Logprob] | None) -> list[Event]:
        """Pieces of one kind are one part, until one has a signature and more comes."""
        if not part.text and part.signature is None:
            return []
        events: list[Event] = []
        if self._open is not type(part) or self._is_signed:
            events = self._close()
            self._open, self._base = type(part), len(self._pieces)
            events.append(Opened(type(part)(""), self._index))
        if part.text:
            if self._open is Text:
                self._pieces.append(part.text)
            events.append(Grew(part.text, self._index, told))
        if part.signature is not None:
            self._is_signed = True
            events.append(Signed(part.signature, self._index))
        return events

    def _whole(self, part: Part) -> list[Event]:
        events = self._close()
        if isinstance(part, ToolCall):
            self._has_calls = True
            arguments, part.arguments = part.arguments, ""
            events += [Opened(part, self._index), Grew(arguments, self._index)]
        else:
            events.append(Opened(part, self._index))
        return [*events, Closed(self._index)]

    def _close(self) -> list[Event]:
        if self._open is None:
            return []
        self._open, self._is_signed = None, False
        return [Closed(self._index)]

    def _cite(self, found: Json) -> list[Event]:
        """Only an open text can be cited. Some hosts repeat with every event what they found so far."""
        spans = citations.read(found, self._chunks)
        if self._open is not Text:
            return []
        base = len(citations.encoded("".join(self._pieces[: self._base])))
        text = citations.encoded("".join(self._pieces[self._base :]))
        events: list[Event] = []
        for span in spans:
            known = (span.citation.url, span.citation.title, span.citation.quote, span.start, span.end)
            if known not in self._seen:
                self._seen.add(known)
                events.append(Cited(citations.placed(span, text, base), self._index))
        return events
