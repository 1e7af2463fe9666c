"""One request between two dialects: the caller's body becomes the vendor's, the vendor's answer the caller's."""

import json
from functools import cached_property

import msgspec

from pronghorn.convert import custom
from pronghorn.convert.dialect import Dialect, Losses, Target
from pronghorn.convert.events import (
    Closed,
    Collector,
    Event,
    Grew,
    Opened,
    Started,
    is_sayable,
    new_call_id,
    replay,
    tidy,
)
from pronghorn.convert.fit import fit, fitting_id
from pronghorn.convert.turn import Foreign, Json, Media, Part, Reply, Tool, ToolCall, ToolResult, Turn
from pronghorn.errors import BadRequest, UpstreamError

_ODD = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What a reader may stumble with over a body that its dialect does not allow."""


class Conversion:
    """`turn` is the caller's request, read once and given to no one else: fitting changes it."""

    def __init__(self, source: Dialect, target: Dialect, turn: Turn, to: Target) -> None:
        self.source = source
        self.target = target
        self.turn = turn
        self.asked = msgspec.structs.replace(turn)
        """As it was before it was fitted: some dialects tell the caller in the answer what was asked."""
        self.losses = Losses()
        """Complete once `request` was called."""
        self.to = to
        self._names = fit(turn, target, self.losses)
        self.answered: list[Part] = []
        """What the vendor said, once it has said all of it."""
        self.unsaid: dict[str, None] = {}
        """What of it the caller's dialect cannot say, in order: `answer.` and its path or kind at the vendor."""

    @cached_property
    def _custom(self) -> set[str]:
        return {tool.name for tool in self.asked.tools if type(tool) is Tool and tool.is_custom}

    @cached_property
    def _known_ids(self) -> set[str]:
        """Of calls that the vendor and the caller know."""
        parts = (part for message in self.turn.messages for part in message.parts)
        return {part.id for part in parts if type(part) is ToolCall}

    @cached_property
    def _namespaces(self) -> dict[str, str]:
        return {tool.name: tool.namespace for tool in self.asked.tools if type(tool) is Tool}

    def addresses(self) -> list[Media]:
        """What must be fetched before `request`, because the target cannot: set `data` and `mime`, clear `url`."""
        return [
            item
            for message in self.turn.messages
            for part in message.parts
            for item in (part.parts if type(part) is ToolResult else (part,))
            if type(item) is Media and item.url and not self.target.takes_url(item, self.to)
        ]

    def request(self) -> Json:
        """The vendor's body. Raises `BadRequest` for what cannot be asked of this vendor at all."""
        if not self.turn.messages:
            field = self.source.fields["messages"].partition(",")[0]
            raise BadRequest(f"nothing in `{field}` can be said to this model's vendor", param=field)
        return self.target.write_request(self.turn, self.to, self.losses)

    def reply(self, body: bytes) -> bytes:
        """The caller's body. Raises `UpstreamError` for an answer that makes no sense."""
        return msgspec.json.encode(self.source.write_reply(self._read(body), self.asked))

    def _read(self, body: bytes) -> Reply:
        try:
            reply = self._read_document(msgspec.json.decode(_readable(body)))
        except _ODD as error:
            raise UpstreamError("the vendor's answer is not what its dialect promises") from error
        if not all(
            map(tidy, [reply, *reply.choices, *(part for one in reply.choices for part in one.parts)])
        ):
            raise UpstreamError("the vendor's answer is not what its dialect promises")
        reply.created_s = reply.created_s or self.to.now_s
        self.unsaid.update(dict.fromkeys(f"answer{path.removeprefix('$')}" for path in reply.unknown))
        ids: set[str] = set()
        for choice in reply.choices:
            for part in choice.parts:
                self._give_back(part, ids)
                self._note_unsaid(part)
                self.answered.append(part)
        return reply

    def _read_document(self, document: Json) -> Reply:
        """Counts that make no sense are no reason to lose an answer."""
        try:
            return self.target.read_reply(document)
        except _ODD:
            document.pop("usage", None)
            document.pop("usageMetadata", None)
            return self.target.read_reply(document)

    def replayed(self, body: bytes) -> bytes:
        """A whole answer as the caller's stream, for vendors that do not stream when they are asked to."""
        return self.source.writer(self.asked).write(list(replay(self._read(body))))

    def stream(self) -> "StreamConversion":
        return StreamConversion(self)

    def _give_back(self, part: Part, ids: set[str]) -> None:
        """The caller's own names, an id that no other call has, and the free text of tools that take it.

        `ids` are those of the answer so far.
        """
        if isinstance(part, ToolCall):
            part.name = self._names.get(part.name, part.name)
            part.namespace = self._namespaces.get(part.name, "")
            is_known = not self._known_ids.isdisjoint((part.id, fitting_id(part.id)))
            if is_known or part.id in ids or not part.id:
                part.id = new_call_id()  # some vendors begin to count anew with every answer
            ids.add(part.id)
            if part.name in self._custom and not part.is_custom:
                part.is_custom = True
                part.arguments = custom.unwrap(part.arguments)

    def _note_unsaid(self, part: Part) -> None:
        if isinstance(part, Foreign) and part.origin != self.source.name:
            self.unsaid[f"answer.{part.kind}"] = None


class StreamConversion:
    """`feed` one event's payload after the other, then `end`."""

    def __init__(self, conversion: Conversion) -> None:
        self._conversion = conversion
        self._reader = conversion.target.reader()
        self._writer = conversion.source.writer(conversion.asked)
        self._collector = Collector()
        self._is_started = False
        self._ids: set[str] = set()
        self._wrapped: dict[int, str] = {}
        """Choices whose open part is a call with wrapped text, and what has come of it: it is unwrapped whole."""

    def feed(self, data: bytes) -> bytes:
        try:
            events = self._reader.feed(_readable(data))
        except _ODD:
            return b""  # what makes no sense gives nothing
        return self._written(events)

    def end(self) -> bytes:
        last = self._written(self._reader.end())
        self._conversion.answered = [
            part for choice in self._collector.reply.choices for part in choice.parts
        ]
        return last

    def _written(self, events: list[Event]) -> bytes:
        out: list[Event] = []
        for event in events:
            if not is_sayable(event):
                continue
            if not self._is_started and not isinstance(event, Started):
                # The vendor's own made no sense, and every writer needs one.
                out.append(Started("", self._conversion.to.model, self._conversion.to.now_s))
            self._is_started = True
            if isinstance(event, Started):
                event.created_s = event.created_s or self._conversion.to.now_s
            if isinstance(event, Opened) and isinstance(event.part, ToolCall):
                was_custom = event.part.is_custom
                self._conversion._give_back(event.part, self._ids)
                if event.part.is_custom and not was_custom:
                    self._wrapped[event.choice] = ""
            elif isinstance(event, Grew) and event.choice in self._wrapped:
                self._wrapped[event.choice] += event.text
                continue
            elif isinstance(event, Closed) and event.choice in self._wrapped:
                out.append(Grew(custom.unwrap(self._wrapped.pop(event.choice)), event.choice))
            elif isinstance(event, Opened):
                self._conversion._note_unsaid(event.part)
            out.append(event)
        self._collector.take(out)
        return self._writer.write(out) if out else b""


def _readable(data: bytes) -> bytes:
    """JSON that a strict reader takes: what is no text in it, halves of surrogate pairs too, becomes a sign for that.

    Readers pass over events that they cannot read, and text of such a one would be lost. What is no JSON stays.
    """
    if data.isascii() and b"\\ud" not in data and b"\\uD" not in data:
        return data
    try:
        msgspec.json.decode(data)
    except (ValueError, RecursionError):
        try:
            document = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return data
        text = json.dumps(document, ensure_ascii=False)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return data
