"""A streamed chat answer, read. Each choice has one part open; what interleaves with it waits for the choice's end.

The first tool call streams as it comes. Vendors that leave out indexes, repeat ids, send whole calls or say `stop`
after calls are understood. The stream has ended with `[DONE]`, or when every choice gave its finish.
"""

from typing import Any

import msgspec

from pronghorn.convert.chat import citations, finishes, logprobs, media, reasoning
from pronghorn.convert.chat.reply_in import read_call, thinking_text
from pronghorn.convert.chat.usage_in import read_usage
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
    new_call_id,
)
from pronghorn.convert.turn import (
    Citation,
    Json,
    Logprob,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)

_decode = msgspec.json.Decoder().decode
_NO_DETAIL = object()


class Reader:
    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._sources: list[Citation] = []
        """Of all choices, as far as they are known."""
        self._is_started = False
        self._is_ended = False

    def feed(self, data: bytes) -> list[Event]:
        if data.strip() == b"[DONE]":
            return self._finish()
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        if not isinstance(chunk, dict) or self._is_ended:
            return []
        events: list[Event] = []
        choices = chunk.get("choices")
        usage = chunk.get("usage")
        if not self._is_started and (choices or usage):
            self._is_started = True
            events.append(_started(chunk))
        if "citations" in chunk or "search_results" in chunk:
            self._sources = citations.of_answer(chunk) or self._sources
        if choices and isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._read_choice(choice, events)
                    usage = usage or choice.get("usage")  # Moonshot's place
        if usage and (counted := read_usage(usage)) is not None:
            events.append(Counted(counted))
        return events

    def end(self) -> list[Event]:
        is_whole = bool(self._choices) and all(choice.is_finished for choice in self._choices.values())
        if self._is_ended:
            return []
        if is_whole:
            return self._finish()
        events: list[Event] = []
        for choice in self._choices.values():
            choice.settle(events)
        return events

    def _finish(self) -> list[Event]:
        events: list[Event] = []
        if not self._is_ended:
            self._is_ended = True
            for choice in self._choices.values():
                choice.cite_all(self._sources, events)
                choice.finish(None, events)
            events.append(Ended())
        return events

    def _read_choice(self, found: Json, events: list[Event]) -> None:
        index = found.get("index")
        number = index if isinstance(index, int) else 0
        choice = self._choices.get(number)
        if choice is None:
            if not 0 <= number < 128:
                return
            choice = self._choices[number] = _Choice(number)
        if choice.is_finished:
            return
        delta = found.get("delta") or (None if choice.has_begun else found.get("message"))
        if isinstance(delta, dict):
            probabilities = found.get("logprobs")
            choice.read(delta, logprobs.read(probabilities) if probabilities else None, events)
        word = found.get("finish_reason")
        if word and word != "null":
            choice.cite_all(self._sources, events)
            choice.finish(word, events)


def _started(chunk: Json) -> Started:
    created, tier = chunk.get("created"), chunk.get("service_tier")
    return Started(
        str(chunk.get("id") or ""),
        str(chunk.get("model") or ""),
        int(created) if isinstance(created, int | float) else 0,
        tier if isinstance(tier, str) else "",
    )


class _Call:
    """A tool call as far as it has come."""

    def __init__(self, part: ToolCall) -> None:
        self.part = part
        self.is_open = False


class _Choice:
    def __init__(self, number: int) -> None:
        self._number = number
        self._open: Part | None = None
        self._detail: Any = None
        """Index of the entry of `reasoning_details` that the open thinking is made of."""
        self._heard = ""
        """What the open thinking has said in plain: an entry may tell it again, whole."""
        self._written = 0
        """Characters of content so far, and where in it the open text began."""
        self._text_start = 0
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._waiting: list[tuple[Part, list[Logprob] | None]] = []
        self._sounds: list[str] = []
        self._sound: Json = {}
        self._has_refusal = False
        self._is_cited = False
        self.has_begun = False
        self.is_finished = False

    def read(self, delta: Json, found: list[Logprob] | None, events: list[Event]) -> None:
        content = delta.get("content")
        if len(delta) == 1 and content and isinstance(content, str):  # nearly all of them
            self._grow(Text, content, events, found)
            return
        self._reason(delta, events)
        if content:
            self._read_content(content, found, events)
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            self._has_refusal = True
            self._grow(Refusal, refusal, events, found)
        self._decorate(delta, events)
        self._read_made(delta, events)
        calls = delta.get("tool_calls")
        if calls and isinstance(calls, list):
            for entry in calls:
                if isinstance(entry, dict):
                    self._read_call(entry, events)
        elif isinstance(delta.get("function_call"), dict):
            self._read_call({"index": 0, "function": delta["function_call"]}, events)

    def _reason(self, delta: Json, events: list[Event]) -> None:
        details = delta.get("reasoning_details")
        told = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
        text = reasoning.plain_text(delta)
        if text and not any(map(reasoning.detail_text, told)):
            if isinstance(self._open, Thinking) and self._detail is not None:
                self._close(events)
            self._grow(Thinking, text, events)
            self._heard += text
        for detail in told:
            self._read_detail(detail, events)

    def _read_detail(self, detail: Json, events: list[Event]) -> None:
        text, signature = reasoning.detail_text(detail), reasoning.detail_signature(detail)
        index = detail.get("index", _NO_DETAIL)
        if detail.get("type") == "reasoning.encrypted":
            part = reasoning.read_detail(detail)
            if part is not None:
                self._put(part, events)
            return
        if isinstance(self._open, Thinking) and index is not _NO_DETAIL and self._detail not in (None, index):
            self._close(events)
        if text and text != self._heard:
            self._grow(Thinking, text, events)
        if signature is not None and isinstance(self._open, Thinking):
            events.append(Signed(signature, self._number))
        elif signature is not None:
            self._put(Thinking("", signature), events)
        if isinstance(self._open, Thinking) and index is not _NO_DETAIL:
            self._detail = index

    def _read_content(self, content: Any, found: list[Logprob] | None, events: list[Event]) -> None:
        if isinstance(content, str):
            self._grow(Text, content, events, found)
            return
        for entry in content if isinstance(content, list) else ():
            if not isinstance(entry, dict):
                continue
            if entry.get("type") == "thinking":
                self._grow(Thinking, thinking_text(entry), events)
            elif isinstance(entry.get("text"), str):
                self._grow(Text, entry["text"], events, found)
            elif (image := media.read_answer_image(entry)) is not None:
                self._put(image, events)

    def _decorate(self, delta: Json, events: list[Event]) -> None:
        annotations = delta.get("annotations")
        for entry in annotations if isinstance(annotations, list) else ():
            if isinstance(self._open, Text):
                citation = citations.read(entry, self._text_start)
                if citation is not None:
                    self._is_cited = True
                    events.append(Cited(citation, self._number))
        signature = reasoning.read_thought(delta, reasoning.NAME) if "extra_content" in delta else None
        if signature is None:
            return
        if isinstance(self._open, Text):
            events.append(Signed(signature, self._number))
        else:
            self._put(Text("", signature=signature), events)

    def cite_all(self, sources: list[Citation], events: list[Event]) -> None:
        """What the open text is made of, where nothing nearer to it was said."""
        if isinstance(self._open, Text) and not self._is_cited:
            self._is_cited = True
            events += [Cited(msgspec.structs.replace(citation), self._number) for citation in sources]

    def _read_made(self, delta: Json, events: list[Event]) -> None:
        images, audio = delta.get("images"), delta.get("audio")
        for entry in images if isinstance(images, list) else ():
            image = media.read_answer_image(entry)
            if image is not None:
                image.signature = reasoning.read_thought(entry, reasoning.NAME)
                self._put(image, events)
        if isinstance(audio, dict):
            self.has_begun = True
            if isinstance(audio.get("data"), str):
                self._sounds.append(audio["data"])
            if isinstance(audio.get("transcript"), str):
                self._sound["transcript"] = self._sound.get("transcript", "") + audio["transcript"]

    def _grow(
        self,
        kind: type[Text] | type[Thinking] | type[Refusal],
        text: str,
        events: list[Event],
        found: list[Logprob] | None = None,
    ) -> None:
        if not text:
            return
        if type(self._open) is not kind:
            if isinstance(self._open, ToolCall):
                self._wait(kind(text), found)
                return
            self._begin(kind(""), events)
        if kind is Text:
            self._written += len(text)
        events.append(Grew(text, self._number, found))

    def _wait(self, part: Part, found: list[Logprob] | None = None) -> None:
        """Behind an open tool call; pieces of one kind join."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and isinstance(part, Text | Thinking | Refusal) and type(last[0]) is type(part):
            before = last[0]
            if not getattr(before, "signature", None):
                before.text += part.text
                if isinstance(part, Text | Thinking) and isinstance(before, Text | Thinking):
                    before.signature = part.signature
                if found:
                    self._waiting[-1] = (before, [*(last[1] or ()), *found])
                return
        self._waiting.append((part, found))

    def _put(self, part: Part, events: list[Event]) -> None:
        """A part that is whole."""
        if isinstance(self._open, ToolCall):
            self._wait(part)
            return
        self._begin(part, events)
        self._close(events)

    def _begin(self, part: Part, events: list[Event]) -> None:
        self._close(events)
        self.has_begun = True
        self._open, self._detail, self._heard = part, None, ""
        self._text_start = self._written
        events.append(Opened(part, self._number))

    def _close(self, events: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            events.append(Closed(self._number))

    def _read_call(self, entry: Json, events: list[Event]) -> None:
        piece = read_call(entry)
        if piece is None:
            piece = ToolCall(str(entry.get("id") or ""), "")
        call = self._find_call(entry.get("index"), piece)
        if call is None:
            call = _Call(piece)
            self._calls.append(call)
            if isinstance(entry.get("index"), int):
                self._by_index[entry["index"]] = call
            self._show(call, events)
            return
        part = call.part
        if not call.is_open:
            part.id, part.name = part.id or piece.id, part.name or piece.name
            part.signature = part.signature or piece.signature
            part.arguments += piece.arguments
            self._show(call, events)
            return
        if piece.arguments:
            events.append(Grew(piece.arguments, self._number))
        if piece.signature is not None:
            events.append(Signed(piece.signature, self._number))

    def _find_call(self, index: Any, piece: ToolCall) -> _Call | None:
        """The call that this is more of; None if it is a new one."""
        known = self._by_index.get(index) if isinstance(index, int) else None
        is_begun = isinstance(index, int) and known is None and bool(piece.name)
        if piece.id and not is_begun:
            same = [call for call in self._calls if call.part.id == piece.id]
            if same:
                return known if known in same else same[0]
        if isinstance(index, int) and known is None:
            return None
        found = known or (self._calls[-1] if self._calls else None)
        if found is None or not piece.name:
            return found  # a new id alone, without a name, is one that changes with each delta
        is_other = bool(piece.id and found.part.id) or (known is None and not piece.id)
        return None if is_other else found

    def _show(self, call: _Call, events: list[Event]) -> None:
        """The first call, as soon as its name is known, is streamed; the others wait."""
        self.has_begun = True
        part = call.part
        if call is not self._calls[0] or not part.name:
            return
        arguments, part.arguments = part.arguments, ""
        part.id = part.id or new_call_id()
        call.is_open = True
        self._begin(part, events)
        if arguments:
            events.append(Grew(arguments, self._number))

    def settle(self, events: list[Event]) -> None:
        """All that waited."""
        self._close(events)
        if self._sounds:
            sound = media.spoken(self._sound, self._sounds)
            if sound is not None:
                self._whole(sound, None, events)
        for part, found in self._waiting:
            self._whole(part, found, events)
        for call in self._calls:
            if not call.is_open:
                call.part.id = call.part.id or new_call_id()
                self._whole(call.part, None, events)
        self._waiting, self._sounds = [], []

    def _whole(self, part: Part, found: list[Logprob] | None, events: list[Event]) -> None:
        text, signature = "", None
        if isinstance(part, ToolCall):
            text, part.arguments = part.arguments, ""
        elif isinstance(part, Text | Refusal | Thinking):
            text, part.text = part.text, ""
            signature = _take_signature(part)
        self._begin(part, events)
        if text:
            events.append(Grew(text, self._number, found))
        if signature is not None:
            events.append(Signed(signature, self._number))
        self._close(events)

    def finish(self, word: Any, events: list[Event]) -> None:
        """Once; later words change nothing."""
        if self.is_finished:
            return
        self.settle(events)
        self.is_finished = True
        finish = finishes.read(word, has_calls=bool(self._calls), has_refusal=self._has_refusal)
        events.append(Finished(finish, self._number))


def _take_signature(part: Text | Refusal | Thinking) -> Signature | None:
    if isinstance(part, Refusal) or (isinstance(part, Thinking) and part.is_redacted):
        return None
    signature, part.signature = part.signature, None
    return signature
