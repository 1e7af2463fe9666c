"""Canonical events as Gemini's stream: an answer for every piece, calls whole, and the last one ends and counts.

There is no other end than the reason to finish, so it waits for `Ended`.
"""

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
from pronghorn.convert.generate.citations import Spot
from pronghorn.convert.generate.reply_out import head, write_block, write_part, write_usage
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Json,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.wire.usage import Usage

_encode = msgspec.json.encode
_CHUNK = b'data: {"candidates":[{"content":{"parts":[%b],"role":"model"},"index":%d%b}],%b}\r\n\r\n'


class Writer:
    def __init__(self, turn: Turn) -> None:
        self._model = turn.model
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._tier = ""
        self._tail = b""
        """What every answer has beside its candidates."""

    def write(self, events: list[Event]) -> bytes:
        return b"".join([self._write(event) for event in events])

    def _write(self, event: Event) -> bytes:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Ended):
            return self._end()
        else:
            return self._change(event)
        return b""

    def _start(self, event: Started) -> None:
        self._tier = event.service_tier
        self._tail = _encode(head(event.id, event.model or self._model))[1:-1]

    def _change(self, event: Opened | Grew | Signed | Cited | Closed | Finished) -> bytes:
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice()
        more = b""
        if isinstance(event, Grew):
            part = choice.grow(event.text)
            if event.logprobs:
                more = b"," + _encode(logprobs.write(event.logprobs))[1:-1]
                part = part or b'{"text":""}'
        elif isinstance(event, Opened):
            part = choice.open(event.part)
        elif isinstance(event, Closed):
            part = choice.close()
        else:
            choice.note(event)
            return b""
        return _CHUNK % (part, event.choice, more, self._tail) if part else b""

    def _end(self) -> bytes:
        if not self._tail:
            self._start(Started("", ""))
        body: Json = {}
        only = self._choices.get(0) if len(self._choices) == 1 else None
        feedback = None if only is None or only.has_said else write_block(only.ended())
        if feedback is not None:
            body["promptFeedback"] = feedback
        elif self._choices:
            body["candidates"] = [choice.last(index) for index, choice in sorted(self._choices.items())]
        if self._usage is not None:
            body["usageMetadata"] = write_usage(self._usage, self._tier)
        written = _encode(body)[1:-1]
        return b"data: {" + written + (b"," if written else b"") + self._tail + b"}\r\n\r\n"


class _Choice:
    """What is open, and what of the text was cited."""

    def __init__(self) -> None:
        self._open: Part | None = None
        self._pieces: list[str] = []
        self._signature: Signature | None = None
        self._cited: list[Citation] = []
        self._spots: list[Spot] = []
        self._base = 0
        self._finished = Finished("stop")
        self.has_said = False

    def open(self, part: Part) -> bytes:
        self._open, self._pieces, self._signature = part, [], None
        if isinstance(part, Text | Refusal) or (isinstance(part, Thinking) and not part.is_redacted):
            if not isinstance(part, Refusal):
                self._signature = part.signature
            if isinstance(part, Text):
                self._cited = list(part.citations)
            return self.grow(part.text)
        if isinstance(part, ToolCall):
            self._pieces = [part.arguments] if part.arguments else []
            self._signature = part.signature
            return b""
        return self._said(write_part(part))

    def grow(self, text: str) -> bytes:
        if not text:
            return b""
        self._pieces.append(text)
        if isinstance(self._open, Text | Refusal):
            self.has_said = True
            return b'{"text":%b}' % _encode(text)
        if isinstance(self._open, Thinking):
            self.has_said = True
            return b'{"text":%b,"thought":true}' % _encode(text)
        return b""

    def note(self, event: Signed | Cited | Finished) -> None:
        if isinstance(event, Signed):
            self._signature = event.signature
        elif isinstance(event, Cited):
            self._cited.append(event.citation)
        else:
            self._finished = event

    def close(self) -> bytes:
        part, self._open = self._open, None
        if isinstance(part, ToolCall):
            arguments = "".join(self._pieces)
            whole = ToolCall(part.id, part.name, arguments, part.is_custom, self._signature)
            return self._said(write_part(whole))
        if isinstance(part, Text | Refusal):
            self._place()
        if self._signature is None or not isinstance(part, Text | Thinking):
            return b""
        if isinstance(part, Thinking):
            return self._said(write_part(Thinking(signature=self._signature)))
        return self._said(write_part(Text("", signature=self._signature)))

    def _place(self) -> None:
        text = "".join(self._pieces)
        self._spots += [Spot(citation, text, 0, self._base) for citation in self._cited]
        self._cited = []
        self._base += len(citations.encoded(text))

    def _said(self, part: Json | None) -> bytes:
        if part is None:
            return b""
        self.has_said = True
        return _encode(part)

    def ended(self) -> Choice:
        return Choice([], self._finished.finish, detail=self._finished.detail)

    def last(self, index: int) -> Json:
        content = {"parts": [{"text": ""}], "role": "model"}
        finish = finishes.write(self._finished.finish, self._finished.detail)
        return {"content": content} | finish | {"index": index} | citations.write(self._spots)
