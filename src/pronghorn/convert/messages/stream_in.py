"""Anthropic's stream as canonical events. Blocks come one after the other, so that little has to wait:

a hosted tool's block until it is whole, and thinking until there is a word of it or its end.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pronghorn.convert.arguments import as_object
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
from pronghorn.convert.messages.citations import read_citation
from pronghorn.convert.messages.reply_in import read_block, read_finish, read_tier, read_usage
from pronghorn.convert.messages.signatures import carried, is_carrier, read_signature
from pronghorn.convert.turn import Foreign, Json, Part, Text, Thinking, ToolCall

_decoder = msgspec.json.Decoder()


class Reader:
    def __init__(self) -> None:
        self._usage: Json = {}
        self._open: Part | None = None
        self._is_told = False
        """The open part was announced."""
        self._input = ""
        """Of the open part, where it was not passed on: of a hosted tool, or given with the block's start."""
        self._carrier: Thinking | None = None
        """Holds the signature of the next call or text, see `signatures`."""
        self._has_call = False

    def feed(self, data: bytes) -> list[Event]:
        try:
            event = _decoder.decode(data)
            take = _TAKERS.get(event["type"])
            return [] if take is None else take(self, event)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return []  # not an event of this dialect

    def end(self) -> list[Event]:
        """Nothing: a stream without `message_stop` was cut."""
        return []

    def _start(self, event: Json) -> list[Event]:
        message = event["message"]
        self._usage = message.get("usage") or {}
        started = Started(message.get("id") or "", message.get("model") or "", 0, read_tier(self._usage))
        return [started, *self._count()]

    def _count(self) -> list[Event]:
        usage = read_usage(self._usage)
        return [] if usage is None else [Counted(usage)]

    def _start_block(self, event: Json) -> list[Event]:
        part = read_block(event["content_block"])
        events = self._close()  # of a host that forgets to
        self._open, self._is_told, self._input = part, False, ""
        if isinstance(part, ToolCall):
            self._has_call = True
            self._input, part.arguments = part.arguments, ""
        if isinstance(part, Thinking | Foreign):
            return events + (self._grow(part.text) if isinstance(part, Thinking) and part.text else [])
        if self._carrier is not None and isinstance(part, Text | ToolCall):
            part.signature, self._carrier = carried(self._carrier), None
        if not isinstance(part, Text):
            return events + self._tell()
        text, citations, part.text, part.citations = part.text, part.citations, "", []
        events += self._tell()
        events += [Grew(text)] if text else []
        return events + [Cited(citation) for citation in citations]

    def _tell(self) -> list[Event]:
        part = self._open
        assert part is not None
        self._is_told = True
        if isinstance(part, Thinking) and not part.is_redacted:
            return [*self._tell_carrier(), Opened(Thinking())]  # its text and signature come later
        return [*self._tell_carrier(), Opened(part)]

    def _tell_carrier(self) -> list[Event]:
        """A carrier that neither call nor text comes after is thinking of its own."""
        carrier, self._carrier = self._carrier, None
        if carrier is None or carrier.signature is None:
            return []
        return [Opened(Thinking()), Signed(carrier.signature), Closed()]

    def _grow(self, text: str) -> list[Event]:
        return [Grew(text)] if self._is_told else [*self._tell(), Grew(text)]

    def _delta(self, event: Json) -> list[Event]:
        delta = event["delta"]
        take = _DELTAS.get(delta["type"])
        return [] if take is None else take(self, delta)

    def _text_delta(self, delta: Json) -> list[Event]:
        text = delta["text"]
        if self._open is None:
            return self._start_block({"content_block": {"type": "text", "text": text}})
        return [Grew(text)] if text and isinstance(self._open, Text) else []

    def _thinking_delta(self, delta: Json) -> list[Event]:
        text, part = delta["thinking"], self._open
        if part is None:
            return self._start_block({"content_block": {"type": "thinking", "thinking": text}})
        if not text or not isinstance(part, Thinking):
            return []
        return self._grow(text)

    def _input_delta(self, delta: Json) -> list[Event]:
        text = delta["partial_json"]
        if isinstance(self._open, Foreign):
            self._input += text
        elif isinstance(self._open, ToolCall) and text:
            self._input = ""
            return [Grew(text)]
        return []

    def _signature_delta(self, delta: Json) -> list[Event]:
        if isinstance(self._open, Thinking):
            self._open.signature = read_signature(delta["signature"]) or self._open.signature
        return []

    def _citation_delta(self, delta: Json) -> list[Event]:
        return [Cited(read_citation(delta["citation"]))] if isinstance(self._open, Text) else []

    def _stop_block(self, event: Json) -> list[Event]:
        return self._close()

    def _close(self) -> list[Event]:
        part = self._open
        if part is None:
            return []
        if isinstance(part, Thinking) and not self._is_told and is_carrier(part):
            events = self._tell_carrier()
            self._open, self._carrier = None, part
            return events
        events = [] if self._is_told else self._tell_whole(part)
        self._open = None
        if isinstance(part, ToolCall) and self._input:
            events.append(Grew(self._input))
        if isinstance(part, Thinking) and not part.is_redacted and part.signature is not None:
            events.append(Signed(part.signature))
        return [*events, Closed()]

    def _tell_whole(self, part: Part) -> list[Event]:
        if isinstance(part, Foreign) and self._input:
            part.raw = part.raw | {"input": as_object(self._input)}
        return self._tell()

    def _message_delta(self, event: Json) -> list[Event]:
        delta = event.get("delta") or {}
        events = [*self._close(), *self._tell_carrier()]
        if delta.get("stop_reason") is not None:
            finish = read_finish(delta["stop_reason"], self._has_call)
            sequence, detail = delta.get("stop_sequence") or "", delta.get("stop_details")
            events.append(Finished(finish, 0, sequence, detail))
        counts = event.get("usage") or {}
        self._usage = self._usage | {name: count for name, count in counts.items() if count is not None}
        return events + self._count()

    def _stop(self, event: Json) -> list[Event]:
        return [*self._close(), *self._tell_carrier(), Ended()]


_TAKERS: dict[str, Callable[[Reader, Any], list[Event]]] = {
    "message_start": Reader._start,
    "content_block_start": Reader._start_block,
    "content_block_delta": Reader._delta,
    "content_block_stop": Reader._stop_block,
    "message_delta": Reader._message_delta,
    "message_stop": Reader._stop,
}
_DELTAS: dict[str, Callable[[Reader, Any], list[Event]]] = {
    "text_delta": Reader._text_delta,
    "thinking_delta": Reader._thinking_delta,
    "input_json_delta": Reader._input_delta,
    "signature_delta": Reader._signature_delta,
    "citations_delta": Reader._citation_delta,
}
