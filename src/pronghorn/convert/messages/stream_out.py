"""Canonical events as Anthropic's stream: blocks in a row without gaps, and the counts at the very end.

Of several choices the first is told. A block of foreign kinds takes no index.
"""

import msgspec

from pronghorn.convert import custom, opaque
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
from pronghorn.convert.messages.arguments import arguments_text
from pronghorn.convert.messages.citations import write_citation
from pronghorn.convert.messages.reply_out import envelope, media_text, text_block, tool_block, write_stop
from pronghorn.convert.messages.signatures import NAME, carrier
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.convert.usage import to_messages
from pronghorn.wire.usage import Usage

_encode = msgspec.json.Encoder().encode
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TEXT, _THINKING, _INPUT = (
    (b"text_delta", b"text"),
    (b"thinking_delta", b"thinking"),
    (b"input_json_delta", b"partial_json"),
)
_SIGNATURE = (b"signature_delta", b"signature")
_COUNTS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
)
"""Of the usage, what the end of a stream may have."""


class Writer:
    def __init__(self, turn: Turn) -> None:
        self._model = turn.model
        self._index = 0
        self._open: Part | None = None
        self._growth: tuple[bytes, bytes] | None = None
        """How the open block grows; None for one that came whole or is not told."""
        self._pieces: list[str] = []
        """What the open block has grown by."""
        self._signature: Signature | None = None
        self._late: Json | None = None
        """The signature of a text that was over, to go before the next part. Clients take the last block for the
        answer, so after the last one it is left out: no vendor asks for it.
        """
        self._has_refusal = False
        self._finished = Finished("stop")
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        return b"".join([self._event(event) for event in events])

    def _event(self, event: Event) -> bytes:
        if isinstance(event, Started):
            message = envelope(event.id, event.model or self._model, None, event.service_tier)
            return _sse({"type": "message_start", "message": message}) + _PING
        if isinstance(event, Counted):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end()
        return b"" if event.choice else self._change(event)

    def _change(self, event: Opened | Grew | Signed | Cited | Closed | Finished) -> bytes:
        if isinstance(event, Grew):
            return self._grow(event.text)
        if isinstance(event, Opened):
            return self._start(event.part)
        if isinstance(event, Closed):
            return self._close()
        if isinstance(event, Signed):
            self._signature = event.signature
        elif isinstance(event, Cited):
            return self._cite(event)
        else:
            self._finished = event
        return b""

    def _start(self, part: Part) -> bytes:
        out = self._close()
        self._open, self._pieces = part, []
        self._signature = part.signature if isinstance(part, Thinking) else None
        for carried in (self._late, carrier(part)):
            if carried is not None:
                out += self._carry(carried)
        self._late = None
        text = media_text(part) if isinstance(part, Media) else ""
        if isinstance(part, Text | Refusal) or text:
            self._growth = _TEXT
            self._has_refusal |= isinstance(part, Refusal)
            text = part.text if isinstance(part, Text | Refusal) else text
            return out + self._block(text_block("")) + self._grow(text)
        if isinstance(part, ToolCall):
            self._growth = _INPUT
            return out + self._block(tool_block(part)) + self._grow(part.arguments)
        if isinstance(part, Thinking) and not part.is_redacted:
            self._growth = _THINKING
            return out + self._block(_thinking("")) + self._grow(part.text)
        if isinstance(part, Foreign) and part.origin == NAME:
            return out + self._foreign(part.raw)
        return out

    def _block(self, block: Json) -> bytes:
        return _sse({"type": "content_block_start", "index": self._index, "content_block": block})

    def _delta(self, growth: tuple[bytes, bytes], text: str) -> bytes:
        return _DELTA % (self._index, *growth, _encode(text))

    def _foreign(self, raw: Json) -> bytes:
        """A hosted tool's call grows like any call; its results come whole."""
        if "input" not in raw:
            self._growth = _TEXT
            return self._block(raw)
        self._growth = _INPUT
        return self._block(raw | {"input": {}}) + self._grow(arguments_text(raw["input"]))

    def _grow(self, text: str) -> bytes:
        if not text or self._growth is None:
            return b""
        self._pieces.append(text)
        if isinstance(self._open, ToolCall) and self._open.is_custom:
            return b""  # what it is wrapped in comes with its end
        return _DELTA % (self._index, *self._growth, _encode(text))

    def _cite(self, event: Cited) -> bytes:
        raw = write_citation(event.citation, "".join(self._pieces))
        if raw is None or not isinstance(self._open, Text):
            return b""
        delta = {"type": "citations_delta", "citation": raw}
        return _sse({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _close(self) -> bytes:
        part, self._open = self._open, None
        growth, self._growth = self._growth, None
        out = b""
        if isinstance(part, Thinking) and part.is_redacted and self._signature is not None:
            data = opaque.wrap(self._signature, NAME)
            out = self._block({"type": "redacted_thinking", "data": data})
        elif growth is None:
            return b""
        elif isinstance(part, Thinking):
            signature = opaque.wrap(self._signature, NAME) if self._signature is not None else ""
            out = self._delta(_SIGNATURE, signature)
        elif isinstance(part, ToolCall) and part.is_custom:
            out = self._delta(_INPUT, arguments_text(custom.wrap("".join(self._pieces))))
        elif isinstance(part, ToolCall) and not self._pieces:
            out = self._delta(_INPUT, "{}")
        out += self._stop()
        if isinstance(part, Text) and self._signature is not None:
            self._late = carrier(Text("", signature=self._signature))
        return out

    def _stop(self) -> bytes:
        out = _STOP % self._index
        self._index += 1
        return out

    def _carry(self, block: Json) -> bytes:
        """A signature that this dialect has no place for, in a block of its own."""
        return self._block(_thinking("")) + self._delta(_SIGNATURE, block["signature"]) + self._stop()

    def _end(self) -> bytes:
        out = self._close()
        finished = self._finished
        stop = write_stop(finished.finish, finished.stop_sequence, finished.detail, self._has_refusal)
        counts = to_messages(self._usage or Usage())
        usage = {name: counts[name] for name in _COUNTS} | {"server_tool_use": None}
        out += _sse({"type": "message_delta", "delta": stop | {"container": None}, "usage": usage})
        return out + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def _thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": ""}


def _sse(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _encode(event))
