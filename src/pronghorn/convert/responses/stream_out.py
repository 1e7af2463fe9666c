"""Canonical events as a Responses stream: items in a row, each announced, grown, told whole and done.

Texts in a row are one message, which stays open until something else comes. Of several choices the first is told.
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
from pronghorn.convert.responses import citations, finishes, logprobs, signatures
from pronghorn.convert.responses.reply_out import (
    Ids,
    envelope,
    is_carried,
    media_text,
    message_item,
    text_content,
    whole_item,
)
from pronghorn.convert.turn import (
    Json,
    Logprob,
    Media,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.convert.usage import to_responses
from pronghorn.wire.usage import Usage

_encode = msgspec.json.Encoder().encode
_DELTA = b'event: %b\ndata: {"type":"%b",%b,"delta":%b,"sequence_number":%d%b}\n\n'
_NO_LOGPROBS = b',"logprobs":[]'
_ENDS = {
    "completed": "response.completed",
    "incomplete": "response.incomplete",
    "failed": "response.failed",
}


class Writer:
    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._ids = Ids("")
        self._response: Json = {}
        self._number = 0
        self._output: list[Json] = []
        """Items that are done."""
        self._message: Json | None = None
        """The item that texts go to while it is open."""
        self._call: Json | None = None
        """The item of a call that is told, but for whether the answer was cut there."""
        self._open: Part | None = None
        self._item: Json = {}
        self._place: Json = {}
        """Where the open part is, as its events say it, and the same as the inside of an object in JSON."""
        self._place_json = b""
        self._kind = b""
        self._pieces: list[str] = []
        self._annotations: list[Json] = []
        self._logprobs: list[Logprob] = []
        self._signature: Signature | None = None
        self._has_refusal = False
        self._finished = Finished("stop")
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        return b"".join([self._event(event) for event in events])

    def _event(self, event: Event) -> bytes:
        if isinstance(event, Started):
            return self._start(event)
        if isinstance(event, Counted):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end()
        return b"" if event.choice else self._change(event)

    def _change(self, event: Opened | Grew | Signed | Cited | Closed | Finished) -> bytes:
        if isinstance(event, Grew):
            return self._grow(event.text, event.logprobs)
        if isinstance(event, Opened):
            return self._begin(event.part)
        if isinstance(event, Closed):
            return self._close()
        if isinstance(event, Signed):
            self._signature = event.signature
        elif isinstance(event, Cited):
            return self._cite(event)
        else:
            self._finished = event
        return b""

    def _sse(self, kind: str, members: Json) -> bytes:
        body = _encode({"type": kind} | members | {"sequence_number": self._number})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)

    # The response.

    def _start(self, event: Started) -> bytes:
        self._ids = Ids(event.id)
        self._response = envelope(self._turn, self._ids, event.model, event.created_s, event.service_tier)
        told = {"response": self._response}
        return self._sse("response.created", told) + self._sse("response.in_progress", told)

    def _end(self) -> bytes:
        out, finished = self._close(), self._finished
        end = finishes.write(finished.finish, finished.detail, has_refusal=self._has_refusal)
        last = self._message or self._call
        if last is not None and "status" in last and end["status"] == "incomplete":
            last["status"] = "incomplete"
        out += self._finish_call() + self._close_message()
        response = self._response | end | {"output": self._output}
        if self._usage is not None:
            response["usage"] = to_responses(self._usage)
        return out + self._sse(_ENDS[end["status"]], {"response": response})

    # Items.

    def _add_item(self, item: Json) -> bytes:
        self._item = item
        return self._sse("response.output_item.added", {"output_index": len(self._output), "item": item})

    def _finish_item(self, item: Json) -> bytes:
        out = self._sse("response.output_item.done", {"output_index": len(self._output), "item": item})
        self._output.append(item)
        return out

    def _finish_call(self) -> bytes:
        call, self._call = self._call, None
        return b"" if call is None else self._finish_item(call)

    def _put(self, item: Json) -> bytes:
        """An item that comes whole."""
        return self._close_message() + self._add_item(item) + self._finish_item(item)

    def _put_picture(self, item: Json) -> bytes:
        out = self._add_item(item | {"status": "in_progress", "result": None})
        place = {"item_id": item["id"], "output_index": len(self._output)}
        out += self._sse("response.image_generation_call.completed", place)
        return out + self._finish_item(item)

    def _close_message(self) -> bytes:
        message, self._message = self._message, None
        if message is None:
            return b""
        if message["status"] == "in_progress":
            message["status"] = "completed"
        return self._finish_item(message)

    def _item_id(self, prefix: str) -> str:
        return self._ids.item(prefix, len(self._output))

    # Parts.

    def _begin(self, part: Part) -> bytes:
        out = self._close() + self._finish_call()
        if isinstance(part, Text | ToolCall) and is_carried(part):
            assert part.signature is not None
            out += self._close_message()
            out += self._put(signatures.carrier(part.signature, self._item_id("rs")))
        self._signature = part.signature if isinstance(part, Thinking) else None
        self._pieces, self._annotations, self._logprobs = [], [], []
        text = media_text(part)
        if isinstance(part, Text | Refusal) or text:
            return out + self._begin_text(part, text)
        out += self._close_message()
        if isinstance(part, ToolCall):
            return out + self._begin_call(part)
        if isinstance(part, Thinking) and not part.is_redacted:
            return out + self._begin_thinking(part)
        self._kind = b""
        if isinstance(part, Thinking):
            self._open = part  # it is told when all is known
            return out
        item = whole_item(part, self._ids, len(self._output))
        if item is None:
            return out
        return out + (self._put_picture(item) if isinstance(part, Media) else self._put(item))

    def _set_place(self, kind: bytes, **indexes: int) -> None:
        self._kind = kind
        self._place = {"item_id": self._item["id"], "output_index": len(self._output)} | indexes
        self._place_json = _encode(self._place)[1:-1]

    def _begin_text(self, part: Part, text: str) -> bytes:
        out = b""
        if self._message is None:
            self._message = message_item(self._item_id("msg"), "in_progress")
            out = self._add_item(self._message)
        self._item = self._message
        is_refusal = isinstance(part, Refusal)
        self._has_refusal |= is_refusal
        self._set_place(
            b"response.refusal.delta" if is_refusal else b"response.output_text.delta",
            content_index=len(self._message["content"]),
        )
        self._open = part
        empty = {"type": "refusal", "refusal": ""} if is_refusal else text_content(Text(""), None)
        out += self._sse("response.content_part.added", self._place | {"part": empty})
        return out + self._grow(part.text if isinstance(part, Text | Refusal) else text, None)

    def _begin_call(self, part: ToolCall) -> bytes:
        item = whole_item(part, self._ids, len(self._output), "in_progress")
        assert item is not None
        out = self._add_item(item | {"input" if part.is_custom else "arguments": ""})
        self._set_place(
            b"response.custom_tool_call_input.delta"
            if part.is_custom
            else b"response.function_call_arguments.delta"
        )
        self._open = part
        return out + self._grow(part.arguments, None)

    def _begin_thinking(self, part: Thinking) -> bytes:
        item = signatures.write_item(Thinking(id=part.id), self._item_id("rs")) | {"summary": []}
        out = self._add_item(item)
        self._set_place(b"response.reasoning_summary_text.delta", summary_index=0)
        self._open = part
        empty = {"type": "summary_text", "text": ""}
        out += self._sse("response.reasoning_summary_part.added", self._place | {"part": empty})
        return out + self._grow(part.text, None)

    def _grow(self, text: str, chances: list[Logprob] | None) -> bytes:
        if not text or not self._kind:
            return b""
        self._pieces.append(text)
        tail = b""
        if self._kind == b"response.output_text.delta":
            tail = _NO_LOGPROBS
            if chances:
                self._logprobs += chances
                tail = b',"logprobs":%b' % _encode(logprobs.write_delta(chances))
        number, self._number = self._number, self._number + 1
        return _DELTA % (self._kind, self._kind, self._place_json, _encode(text), number, tail)

    def _cite(self, event: Cited) -> bytes:
        annotation = citations.write(event.citation, sum(map(len, self._pieces)))
        if annotation is None or not isinstance(self._open, Text):
            return b""
        told = {"annotation_index": len(self._annotations), "annotation": annotation}
        self._annotations.append(annotation)
        return self._sse("response.output_text.annotation.added", self._place | told)

    def _close(self) -> bytes:
        part, self._open = self._open, None
        text = "".join(self._pieces)
        self._kind = b""
        if part is None:
            return b""
        if isinstance(part, ToolCall):
            return self._close_call(part, text)
        if isinstance(part, Thinking):
            return self._close_thinking(part, text)
        if isinstance(part, Refusal):
            return self._close_refusal(text)
        return self._close_text(text)

    def _close_text(self, text: str) -> bytes:
        done = {"text": text, "logprobs": logprobs.write_delta(self._logprobs)}
        out = self._sse("response.output_text.done", self._place | done)
        content = text_content(Text(text), self._logprobs) | {"annotations": self._annotations}
        out += self._finish_content(content)
        if self._signature is not None and self._signature.origin != signatures.NAME:
            out += self._close_message()
            out += self._put(signatures.carrier(self._signature, self._item_id("rs"), is_of_next=False))
        return out

    def _close_refusal(self, text: str) -> bytes:
        out = self._sse("response.refusal.done", self._place | {"refusal": text})
        return out + self._finish_content({"type": "refusal", "refusal": text})

    def _finish_content(self, content: Json) -> bytes:
        assert self._message is not None
        self._message["content"].append(content)
        return self._sse("response.content_part.done", self._place | {"part": content})

    def _close_call(self, part: ToolCall, text: str) -> bytes:
        text = text if part.is_custom else text or "{}"
        if part.is_custom:
            self._call = self._item | {"input": text}
            return self._sse("response.custom_tool_call_input.done", self._place | {"input": text})
        self._call = self._item | {"arguments": text, "status": "completed"}
        done = {"name": self._item["name"], "arguments": text}
        return self._sse("response.function_call_arguments.done", self._place | done)

    def _close_thinking(self, part: Thinking, text: str) -> bytes:
        whole = Thinking(text, self._signature, part.is_redacted, part.id)
        item_id = self._item_id("rs")
        if part.is_redacted:
            return self._put(signatures.write_item(whole, item_id)) if self._signature is not None else b""
        out = self._sse("response.reasoning_summary_text.done", self._place | {"text": text})
        summary = {"type": "summary_text", "text": text}
        out += self._sse("response.reasoning_summary_part.done", self._place | {"part": summary})
        # The id that was announced stays, whatever the signature says.
        return out + self._finish_item(signatures.write_item(whole, item_id) | {"id": self._item["id"]})
