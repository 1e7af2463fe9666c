"""A turn's messages as input items. The system's first words are instructions, all others stand in their place."""

from pronghorn.convert.dialect import Losses
from pronghorn.convert.responses import citations, media, signatures
from pronghorn.convert.responses.signatures import NAME
from pronghorn.convert.responses.tools import short_name
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Message,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)


def write_messages(messages: list[Message], lost: Losses) -> tuple[str, list[Json]]:
    """Instructions, empty where there are none, and items."""
    writer = _Writer(lost)
    instructions = ""
    if len(messages) > 1 and messages[0].role == "system":
        instructions = writer.words(messages[0])
        messages = messages[1:]
    for message in messages:
        writer.add(message)
    return instructions, writer.items


class _Writer:
    def __init__(self, lost: Losses) -> None:
        self.items: list[Json] = []
        self._lost = lost

    def add(self, message: Message) -> None:
        if message.name:
            self._lose(message.at, ".name")
        if message.role == "assistant":
            for part in message.parts:
                if type(part) is not ToolResult:
                    self._said(part)
                else:
                    self._lost.add(part.at)
        elif message.role == "tool":
            for part in message.parts:
                if type(part) is ToolResult:
                    self._result(part)
                else:
                    self._lost.add(part.at)
        else:
            self._asked(message)

    def words(self, message: Message) -> str:
        """The texts of a message, as one."""
        texts = [part for part in message.parts if isinstance(part, Text)]
        for part in message.parts:
            if isinstance(part, Text):
                self._cache(part)
            else:
                self._lost.add(part.at)
        return "\n\n".join(text.text for text in texts)

    def _asked(self, message: Message) -> None:
        """A message of anyone but the assistant."""
        kept: list[Text | Media] = []
        for part in message.parts:
            if isinstance(part, Text | Media):
                kept.append(part)
            elif isinstance(part, Foreign) and part.origin == NAME:
                self.items.append(part.raw)
            else:
                self._lost.add(part.at)
        if kept:
            self.items.append({"type": "message", "role": message.role, "content": self._content(kept)})

    def _content(self, parts: list[Text | Media]) -> str | list[Json]:
        if len(parts) == 1 and isinstance(parts[0], Text):
            self._cache(parts[0])
            return parts[0].text
        return [self._part(part) for part in parts]

    def _part(self, part: Text | Media) -> Json:
        self._cache(part)
        if isinstance(part, Text):
            return {"type": "input_text", "text": part.text}
        if part.wants_citations:
            self._lose(part.at, ".citations")
        if part.kind == "document" and part.url and part.name:
            self._lose(part.at, ".filename")
        return media.write_media(part)

    def _said(self, part: Text | Media | Thinking | ToolCall | Refusal | Foreign) -> None:
        if type(part) is Text:
            self._text(part)
        elif type(part) is Refusal:
            self._message({"type": "refusal", "refusal": part.text})
        elif type(part) is ToolCall:
            self._cache(part)
            self._signature(part)
            self.items.append(call_item(part))
        elif type(part) is Thinking:
            if part.signature is not None and part.signature.origin == NAME:
                self.items.append(signatures.write_item(part))
            else:
                self._lost.add(part.at)
        elif type(part) is Foreign and part.origin == NAME:
            self.items.append(part.raw)
        else:
            self._lost.add(part.at)

    def _text(self, part: Text) -> None:
        self._cache(part)
        self._signature(part)
        if not part.text:
            return
        found = [citations.write(citation, len(part.text)) for citation in part.citations]
        annotations = [annotation for annotation in found if annotation is not None]
        if len(annotations) < len(found):
            self._lost.add(part.at)
        if annotations:
            text = {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": []}
            self._message(text)
        else:
            self.items.append({"type": "message", "role": "assistant", "content": part.text})

    def _message(self, content: Json) -> None:
        """One of the assistant, in the form that answers have: only there can it be more than a text."""
        item = {"type": "message", "id": f"msg_{len(self.items)}", "role": "assistant"}
        self.items.append(item | {"status": "completed", "content": [content]})

    def _result(self, result: ToolResult) -> None:
        if result.is_error:
            self._lose(result.at, ".is_error")
        self._cache(result)
        kind = "custom_tool_call_output" if result.is_custom else "function_call_output"
        output = self._content(result.parts) if result.parts else ""
        self.items.append({"type": kind, "call_id": result.call_id, "output": output})

    def _cache(self, part: Text | Media | ToolCall | ToolResult) -> None:
        if part.cache:
            self._lose(part.at, ".cache_control")

    def _signature(self, part: Text | ToolCall) -> None:
        """Those of parts are Gemini's alone."""
        if part.signature is not None:
            self._lose(part.at, ".thoughtSignature")

    def _lose(self, at: str, name: str) -> None:
        self._lost.add(at + name if at else "")


def call_item(call: ToolCall) -> Json:
    """As it stands in input and, but for its id and status, in output."""
    common: Json = {"call_id": call.id, "name": short_name(call)}
    if call.namespace:
        common["namespace"] = call.namespace
    if call.is_custom:
        return {"type": "custom_tool_call", **common, "input": call.arguments}
    return {"type": "function_call", **common, "arguments": call.arguments or "{}"}
