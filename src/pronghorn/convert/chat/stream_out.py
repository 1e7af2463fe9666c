"""A streamed answer, written as chat chunks: the role first, a finish for each choice, usage if asked for, `[DONE]`."""

from typing import Any

import msgspec

from pronghorn.convert import usage
from pronghorn.convert.chat import citations, finishes, logprobs, reasoning, reply_out
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
from pronghorn.convert.turn import Citation, Json, Media, Refusal, Text, Thinking, ToolCall, Turn
from pronghorn.wire.usage import Usage

_encode = msgspec.json.encode
_DONE = b"data: [DONE]\n\n"


class Writer:
    def __init__(self, turn: Turn) -> None:
        self._wants_usage = turn.wants_usage
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self._start(Started("", turn.model))

    def write(self, events: list[Event]) -> bytes:
        return b"".join([chunk for event in events for chunk in self._write(event)])

    def _write(self, event: Event) -> list[bytes]:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Ended):
            return self._end()
        else:
            return self._change(event)
        return []

    def _start(self, started: Started) -> None:
        self._id, self._created_s = started.id, started.created_s
        head: Json = {
            "id": reply_out.completion_id(started.id),
            "object": "chat.completion.chunk",
            "created": started.created_s,
            "model": started.model,
        }
        if started.service_tier:
            head["service_tier"] = started.service_tier
        self._head = b"data: " + _encode(head)[:-1]
        self._tail = b',"usage":null}\n\n' if self._wants_usage else b"}\n\n"

    def _end(self) -> list[bytes]:
        if not self._wants_usage or self._usage is None:
            return [_DONE]
        counts = _encode(usage.to_chat(self._usage))
        return [self._head + b',"choices":[],"usage":' + counts + b"}\n\n", _DONE]

    def _change(self, event: Opened | Grew | Signed | Cited | Closed | Finished) -> list[bytes]:
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice()
        if isinstance(event, Grew):
            return [self._chunk(event.choice, choice.grow(event.text), event)] if event.text else []
        if isinstance(event, Opened):
            sound = (reply_out.sound_id(self._id), self._created_s)
            deltas = choice.open(event.part, sound)
        elif isinstance(event, Finished):
            return self._finish(choice, event)
        elif isinstance(event, Signed):
            deltas = choice.sign(event)
        elif isinstance(event, Cited):
            choice.cited.append(event.citation)
            deltas = []
        else:
            deltas = choice.close()
        return [self._chunk(event.choice, delta) for delta in deltas]

    def _finish(self, choice: "_Choice", event: Finished) -> list[bytes]:
        word = finishes.write(
            event.finish, has_calls=choice.call_index >= 0, has_refusal=choice.has_refusal
        ).encode()
        end = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%b"}]' % (event.choice, word)
        first = [self._chunk(event.choice, delta) for delta in choice.begin()]
        return [*first, self._head + b',"choices":[' + end + self._tail]

    def _chunk(self, index: int, delta: Json, grew: Grew | None = None) -> bytes:
        found = b"null" if grew is None or grew.logprobs is None else _encode(logprobs.write(grew.logprobs))
        return b'%b,"choices":[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":null}]%b' % (
            self._head,
            index,
            _encode(delta),
            found,
            self._tail,
        )


class _Choice:
    """What is open, and what of it was sent."""

    def __init__(self) -> None:
        self._part: Any = None
        self._is_begun = False
        self._grown = 0
        """Characters of the open part, and of all content before it."""
        self._before = 0
        self._thought: list[str] = []
        self._detail_index = -1
        self.call_index = -1
        self.has_refusal = False
        self.cited: list[Citation] = []

    def begin(self) -> list[Json]:
        """The first delta says who speaks."""
        if self._is_begun:
            return []
        self._is_begun = True
        return [{"role": "assistant", "content": "", "refusal": None}]

    def open(self, part: Any, sound: tuple[str, int]) -> list[Json]:
        """`sound`: the id of a sound in this answer, and when the answer was made."""
        self._part, self._grown = part, 0
        if isinstance(part, ToolCall):
            return [self._call(part)]
        deltas = self.begin()
        if isinstance(part, Refusal):
            self.has_refusal = True
        if isinstance(part, Thinking):
            self._detail_index += 1
            self._thought = []
            if part.is_redacted and part.signature is not None:
                deltas.append({"reasoning_details": [reasoning.write_detail(part, self._detail_index)]})
                return deltas
        if isinstance(part, Media):
            deltas += _made(part, *sound)
        elif isinstance(part, Text | Thinking | Refusal):
            if part.text:
                deltas.append(self.grow(part.text))
            if isinstance(part, Text | Thinking) and part.signature is not None:
                deltas += self.sign(Signed(part.signature))
            if isinstance(part, Text):
                self.cited += part.citations
        return deltas

    def _call(self, part: ToolCall) -> Json:
        self.call_index += 1
        self._grown = len(part.arguments)
        call = reply_out.write_call(part)
        call["custom" if part.is_custom else "function"]["input" if part.is_custom else "arguments"] = (
            part.arguments
        )
        delta: Json = {"tool_calls": [{"index": self.call_index} | call]}
        if not self._is_begun:
            self._is_begun = True
            delta = {"role": "assistant", "content": None} | delta
        return delta

    def grow(self, text: str) -> Json:
        self._grown += len(text)
        part = self._part
        if isinstance(part, Text):
            return {"content": text}
        if isinstance(part, ToolCall):
            inner = {"custom": {"input": text}} if part.is_custom else {"function": {"arguments": text}}
            return {"tool_calls": [{"index": self.call_index} | inner]}
        if isinstance(part, Refusal):
            return {"refusal": text}
        self._thought.append(text)
        return {"reasoning_content": text}

    def sign(self, event: Signed) -> list[Json]:
        part, signature = self._part, event.signature
        if isinstance(part, Thinking):
            # Whole, in one delta: OpenAI's own packages keep the last value of a member that they do not know.
            whole = Thinking("".join(self._thought), signature, id=part.id)
            return [{"reasoning_details": [reasoning.write_detail(whole, self._detail_index)]}]
        extra = reasoning.write_thought(signature)
        if isinstance(part, ToolCall):
            return [{"tool_calls": [{"index": self.call_index, "extra_content": extra}]}]
        return [{"extra_content": extra}] if isinstance(part, Text) else []

    def close(self) -> list[Json]:
        part, deltas = self._part, []
        if isinstance(part, ToolCall) and not self._grown and not part.is_custom:
            deltas.append(self.grow("{}"))
        if isinstance(part, Text):
            if self.cited:
                deltas.append({"annotations": citations.write(self.cited, self._before, self._grown)})
                self.cited = []
            self._before += self._grown
        self._part = None
        return deltas


def _made(part: Media, sound_id: str, created_s: int) -> list[Json]:
    if part.kind == "image" and not part.file_id:
        return [{"images": [reply_out.write_image(part)]}]
    if part.kind != "audio" or not part.data:
        return []
    pieces: list[Json] = [{"id": sound_id, "transcript": part.transcript}, {"data": part.data}]
    return [{"audio": piece} for piece in [*pieces, {"expires_at": created_s + reply_out.SOUND_LIVES_S}]]
