"""Reading streamed answers event by event: is it content, is it the end, is it only meant for us.

A reader keeps no clock and no socket. It raises `UpstreamError` for an event that is an error or makes no sense.
"""

import re
from collections.abc import Callable
from typing import Protocol

from pronghorn.convert.usage import from_anthropic
from pronghorn.errors import UpstreamError
from pronghorn.kit import sse
from pronghorn.relay import reading
from pronghorn.wire import anthropic, gemini, openai
from pronghorn.wire.usage import Usage

DONE = b"[DONE]"


class StreamReader(Protocol):
    """What it has learnt from the events so far."""

    usage: Usage | None
    finish: str
    has_content: bool
    is_ended: bool
    """The vendor's own terminal event has come."""
    stops_there: bool
    """Nothing can follow that event; elsewhere the end of the body is waited for."""
    hides_usage: bool
    """The caller did not ask for the usage chunk: do not show it."""

    def read(self, event: bytes) -> bool:
        """Take one raw event in; false if the caller must not see it."""

    def text(self) -> str:
        """What was produced so far."""


PIECES = 512
"""After so many they become one."""


class Said:
    """What a stream has said so far; in pieces of a few letters each it would take twenty times the memory."""

    __slots__ = ("_blocks", "_parts")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._parts: list[str] = []

    def add(self, text: str) -> None:
        parts = self._parts
        parts.append(text)
        if len(parts) >= PIECES:
            self._blocks.append("".join(parts))
            parts.clear()

    def text(self) -> str:
        return "".join((*self._blocks, *self._parts))


_NAMED_ERROR = re.compile(rb"(?:^|[\r\n])event: ?error[\r\n]")
"""Some servers name the event so, and its data have a message alone."""


class CompletionReader:
    """Chat and text completions: chunks, then `[DONE]`."""

    __slots__ = ("_said", "finish", "has_content", "hides_usage", "is_ended", "stops_there", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish = ""
        self.has_content = self.is_ended = self.hides_usage = False
        self.stops_there = True
        self._said = Said()

    def read(self, event: bytes) -> bool:
        payload = sse.data_of(event)
        if not payload:
            return True
        if payload == DONE:
            self.is_ended = True
            return True
        chunk = reading.decode_completion(payload)
        if chunk is None and payload.strip() == DONE:
            self.is_ended = True
            return True
        if chunk is None:
            raise UpstreamError("the vendor sent an event that makes no sense")
        if chunk.error is not None:
            raise UpstreamError("the vendor reported an error inside its stream")
        if chunk.usage is not None and (found := reading.normal_usage(chunk.usage)) is not None:
            self._count(found)
        if not chunk.choices:
            if _NAMED_ERROR.search(event):
                raise UpstreamError("the vendor reported an error inside its stream")
            return chunk.usage is None or not self.hides_usage
        for choice in chunk.choices:
            if choice.finish_reason:
                self.finish = reading.how_ended(choice)
            text = reading.choice_text(choice)
            if text:
                self._said.add(text)
                self.has_content = True
            elif not self.has_content and reading.has_other_content(choice):
                self.has_content = True
            if choice.usage is not None and self.usage is None:
                self.usage = reading.usage_of_choice(choice.usage)
        return True

    def _count(self, found: Usage) -> None:
        """The last count stands, but zeros never replace one: some vendors end with an empty usage."""
        known = self.usage
        if known is not None and not (found.input and found.output):
            for name in found.__struct_fields__:
                setattr(found, name, getattr(found, name) or getattr(known, name))
        self.usage = found

    def text(self) -> str:
        return self._said.text()


PICTURE_OF_SEVERAL = "image_generation.partial_succeeded"
FAILED_PICTURE = "image_generation.partial_failed"
"""Doubao's, of each picture; its `image_generation.completed` then only has the usage."""


class EventReader:
    """Images, speech and transcripts as typed events; the one that ends in `.completed` or `.done` is the last."""

    __slots__ = (
        "_are_told",
        "_images",
        "_said",
        "finish",
        "has_content",
        "hides_usage",
        "is_ended",
        "stops_there",
        "usage",
    )

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish = ""
        self.has_content = self.is_ended = self.hides_usage = self.stops_there = False
        self._images = 0
        self._are_told = False
        """Each picture has an event of its own before the last one."""
        self._said = Said()

    def read(self, event: bytes) -> bool:
        payload = sse.data_of(event)
        if not payload or payload.strip() == DONE:
            return True
        try:
            found = openai.event_decoder.decode(payload)
        except (ValueError, RecursionError) as error:
            raise UpstreamError("the vendor sent an event that makes no sense") from error
        if found.type == FAILED_PICTURE:
            self._are_told = True
            return True  # the others are still to come
        if openai.is_present(found.error) or found.type == "error":
            raise UpstreamError("the vendor reported an error inside its stream")
        self.has_content = True
        if found.delta and found.type and found.type.startswith("transcript"):
            self._said.add(found.delta)
        if (counted := reading.usage(found.usage)) is not None:
            self.usage = counted
        if found.type == PICTURE_OF_SEVERAL:
            self._are_told = True
            self._count_picture()
        elif found.type and found.type.endswith((".completed", ".done")):
            self._end(found.type)
        return True

    def _end(self, type_: str) -> None:
        self.is_ended = True
        self.finish = "stop"
        if type_.startswith("image"):
            self._count_picture(0 if self._are_told else 1)
            self.has_content = self._images > 0

    def _count_picture(self, count: int = 1) -> None:
        self._images += count
        self.usage = self.usage or Usage()
        self.usage.images = self._images
        if self.usage.output and not self.usage.image_output:
            self.usage.image_output = self.usage.output

    def text(self) -> str:
        return self._said.text()


class MessagesReader:
    """The Anthropic dialect: typed events, `message_stop` is the last."""

    __slots__ = (
        "_counted",
        "_has_output",
        "_said",
        "finish",
        "has_content",
        "hides_usage",
        "is_ended",
        "stops_there",
        "usage",
    )

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish = ""
        self.has_content = self.is_ended = self.hides_usage = False
        self.stops_there = True
        self._said = Said()
        self._counted = anthropic.UsageObject()
        self._has_output = False

    def read(self, event: bytes) -> bool:
        payload = sse.data_of(event)
        if not payload:
            return True
        try:
            found = reading.decode(anthropic.event_decoder, payload)
        except (ValueError, RecursionError) as error:
            raise UpstreamError("the vendor sent an event that makes no sense") from error
        if found.type == "error" or found.error is not None:
            raise UpstreamError("the vendor reported an error inside its stream")
        block = found.delta or found.content_block
        if block is not None and found.type != "message_delta":
            self._read_block(found.type, block)
        elif found.type == "message_stop":
            self.is_ended = True
            if not self._has_output:
                self.usage = None  # what the start says of the output is a guess, and stayed one
        elif found.delta is not None and found.delta.stop_reason:
            self.finish = reading.FINISHES.get(found.delta.stop_reason, "stop")
        counted = found.message.usage if found.message is not None else found.usage
        if counted is not None:
            self._counted = self._counted.overlaid(counted)
            self._has_output |= found.type == "message_delta" and counted.output_tokens is not None
            self.usage = from_anthropic(self._counted)
            if self.usage is not None:
                self.usage.is_estimated = not self._has_output
        return True

    def _read_block(self, type_: str, block: anthropic.Block) -> None:
        text = reading.block_text(block)
        if text:
            self._said.add(text)
        if text or (type_ == "content_block_start" and block.type not in reading.TEXT_BLOCKS):
            self.has_content = True

    def text(self) -> str:
        return self._said.text()


class ResponsesReader:
    """OpenAI's Responses: typed events, `response.completed` or `response.incomplete` is the last."""

    __slots__ = ("_said", "finish", "has_content", "hides_usage", "is_ended", "stops_there", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish = ""
        self.has_content = self.is_ended = self.hides_usage = False
        self.stops_there = True
        self._said = Said()

    def read(self, event: bytes) -> bool:
        payload = sse.data_of(event)
        if not payload or payload == DONE:
            return True
        try:
            found = reading.decode(openai.response_event_decoder, payload)
        except (ValueError, RecursionError) as error:
            raise UpstreamError("the vendor sent an event that makes no sense") from error
        if found.type in ("error", "response.failed"):
            raise UpstreamError("the vendor reported an error inside its stream")
        if found.type.endswith(".delta"):
            self.has_content = True
            if isinstance(found.delta, str):
                self._said.add(found.delta)
        elif found.type == "response.output_item.added" and found.item is not None:
            self.has_content = self.has_content or found.item.type not in ("message", "reasoning")
        elif found.type in ("response.completed", "response.incomplete") and found.response is not None:
            whole = reading.response_reading(found.response)
            self.is_ended, self.finish, self.usage = True, whole.finish, whole.usage
            self.has_content = self.has_content or not whole.is_empty
        return True

    def text(self) -> str:
        return self._said.text()


class GenerateReader:
    """The Gemini dialect: each event is an answer by itself; it has ended once a candidate says how."""

    __slots__ = ("_said", "finish", "has_content", "hides_usage", "is_ended", "stops_there", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish = ""
        self.has_content = self.is_ended = self.hides_usage = self.stops_there = False
        self._said = Said()

    def read(self, event: bytes) -> bool:
        payload = sse.data_of(event)
        if not payload:
            return True
        try:
            found = reading.decode(gemini.answer_decoder, payload)
        except (ValueError, RecursionError) as error:
            raise UpstreamError("the vendor sent an event that makes no sense") from error
        if found.error is not None:
            raise UpstreamError("the vendor reported an error inside its stream")
        part = reading.generated_reading(found)
        if part.text:
            self._said.add(part.text)
        self.has_content = self.has_content or not part.is_empty
        if part.finish:
            self.finish, self.is_ended = part.finish, True
        self.usage = part.usage or self.usage
        return True

    def text(self) -> str:
        return self._said.text()


ReaderFactory = Callable[[], StreamReader]
