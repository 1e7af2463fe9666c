"""A turn's messages, written for a vendor that speaks chat: each result alone, media only where users speak."""

import base64
import binascii

import msgspec

from pronghorn.convert import custom
from pronghorn.convert.chat import media, reasoning
from pronghorn.convert.chat.manners import Manners
from pronghorn.convert.dialect import Losses
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


def write_messages(messages: list[Message], manners: Manners, lost: Losses) -> list[Json]:
    writer = _Writer(manners, lost)
    for message in messages:
        writer.add(message)
    writer.flush()
    return writer.written


class _Writer:
    def __init__(self, manners: Manners, lost: Losses) -> None:
        self.written: list[Json] = []
        self._manners = manners
        self._lost = lost
        self._moved: list[Json] = []
        """Parts that wait for the end of a run of tool messages, which nothing may interrupt."""

    def add(self, message: Message) -> None:
        if message.role == "tool":
            for part in message.parts:
                if type(part) is ToolResult:
                    self._result(part)
                else:
                    self._lost.add(part.at)
            return
        self.flush()
        found = self._said(message)
        if message.name:
            found["name"] = message.name
        if message.role == "assistant" and self._manners.wants_reasoning:
            found.setdefault("reasoning_content", "")
        self.written.append(found)

    def flush(self) -> None:
        if self._moved:
            self.written.append({"role": "user", "content": self._moved})
            self._moved = []

    def _said(self, message: Message) -> Json:
        role = message.role
        if role == "developer" and self._manners.is_plain:
            role = "system"
        if len(message.parts) == 1 and type(text := message.parts[0]) is Text and _is_bare(text):
            return {"role": role, "content": text.text}  # nearly every message
        if role == "assistant":
            return self._assistant(message)
        parts: list[Text | Media | Foreign] = []
        for part in message.parts:
            if type(part) is Text or type(part) is Foreign or (type(part) is Media and role == "user"):
                parts.append(part)
            else:
                self._lost.add(part.at)
        return {"role": role, "content": self._content(parts, "\n\n")}

    def _content(self, parts: list[Text | Media | Foreign], joint: str) -> str | list[Json]:
        """A string wherever it will do: many servers take no list where there is only text."""
        if len(parts) == 1 and type(text := parts[0]) is Text and _is_bare(text):
            return text.text
        texts = [part for part in parts if type(part) is Text]
        if len(texts) == len(parts):
            is_marked = self._manners.is_wide and any(text.cache for text in texts)
            if not is_marked and (len(texts) < 2 or self._manners.is_plain):
                for text in texts:
                    self._text_losses(text)
                return joint.join(text.text for text in texts)
        return [found for part in parts if (found := self._part(part)) is not None]

    def _part(self, part: Text | Media | Foreign) -> Json | None:
        if isinstance(part, Foreign):
            if part.origin == reasoning.NAME:
                return part.raw
            self._lost.add(part.at)
            return None
        if isinstance(part, Text):
            self._text_losses(part)
            found: Json | None = {"type": "text", "text": part.text}
        else:
            found = self._media(part)
        if found is not None and part.cache and self._manners.is_wide:
            found["cache_control"] = cache_mark(part.cache)
        return found

    def _text_losses(self, text: Text) -> None:
        if text.citations:
            self._lost.add(text.at)
        if text.cache and not self._manners.is_wide:
            self._lost.add(f"{text.at}.cache_control" if text.at else "")

    def _media(self, part: Media) -> Json | None:
        if (part.kind == "audio" and not part.data) or (part.kind == "video" and self._manners.is_openai):
            self._lost.add(part.at)
            return None
        if part.wants_citations:
            self._lost.add(f"{part.at}.citations" if part.at else "")
        if part.detail == "original":
            self._lost.add(f"{part.at}.detail" if part.at else "")  # `high` is the most that chat can say
        if part.cache and not self._manners.is_wide:
            self._lost.add(f"{part.at}.cache_control" if part.at else "")
        return _written_document(part) or media.write_media(part)

    def _result(self, result: ToolResult) -> None:
        texts: list[Text | Media | Foreign] = [part for part in result.parts if type(part) is Text]
        shown = [part for part in result.parts if type(part) is Media]
        if result.is_error and result.at:
            self._lost.add(f"{result.at}.is_error")
        if result.cache and texts and isinstance(last := texts[-1], Text):
            is_one = last.cache == result.cache and self._manners.is_wide
            if last.cache and last.at and not is_one:
                self._lost.add(f"{last.at}.cache_control")  # there is one place for both, or none
            texts[-1] = msgspec.structs.replace(last, cache=result.cache, at=result.at)
        elif result.cache and result.at:
            self._lost.add(f"{result.at}.cache_control")
        content = self._content(texts, "\n\n")
        if shown:
            content = content or "The result is in the next message of the user."
            self._move(f"Result of the tool call {result.call_id}:", shown)
        found: Json = {"role": "tool", "tool_call_id": result.call_id, "content": content}
        if result.name and self._manners.is_wide:
            found["name"] = result.name
        self.written.append(found)

    def _move(self, note: str, parts: list[Media]) -> None:
        found = [written for part in parts if (written := self._part(part)) is not None]
        if found:
            self._moved += [{"type": "text", "text": note}, *found]

    def _assistant(self, message: Message) -> Json:
        texts: list[Text | Media | Foreign] = []
        thoughts: list[Thinking] = []
        calls: list[Json] = []
        found: Json = {"role": "assistant", "content": None}
        for part in message.parts:
            if type(part) is Text:
                texts.append(part)
                self._thought(found, part)
            elif type(part) is Foreign:
                texts.append(part)
            elif type(part) is Thinking and self._goes_back(part):
                thoughts.append(part)
            elif type(part) is ToolCall:
                calls.append(self._call(part))
            elif type(part) is Media:
                self._made(found, part, texts)
            elif type(part) is Refusal and not self._manners.is_plain:
                found["refusal"] = found.get("refusal", "") + part.text
            elif type(part) is Refusal:
                texts.append(Text(part.text, at=part.at))
            else:
                self._lost.add(part.at)
        texts = [part for part in texts if type(part) is not Text or part.text]
        if texts or not (calls or "refusal" in found or "audio" in found):
            found["content"] = self._content(texts, "")
        if thoughts:
            _write_thinking(found, thoughts)
        if calls:
            found["tool_calls"] = calls
        return found

    def _goes_back(self, thinking: Thinking) -> bool:
        """What is signed to routers, who alone sign; what nobody signed, of every turn, to whoever knows it."""
        if thinking.signature is not None:
            return self._manners.is_wide and thinking.signature.origin == reasoning.NAME
        return self._manners.takes_reasoning and bool(thinking.text)

    def _call(self, call: ToolCall) -> Json:
        name = {"name": call.name}
        arguments = call.arguments or "{}"
        if call.is_custom and not self._manners.has_custom:
            arguments = msgspec.json.encode(custom.wrap(call.arguments)).decode()
        if call.is_custom and self._manners.has_custom:
            found: Json = {"id": call.id, "type": "custom", "custom": name | {"input": call.arguments}}
        else:
            found = {
                "id": call.id,
                "type": "function",
                "function": name | {"arguments": arguments},
            }
        self._thought(found, call)
        if call.cache and self._manners.is_wide:
            found["cache_control"] = cache_mark(call.cache)
        elif call.cache and call.at:
            self._lost.add(f"{call.at}.cache_control")
        return found

    def _thought(self, found: Json, part: Text | ToolCall | Media) -> None:
        """A signature that this vendor itself gave."""
        if part.signature is None:
            return
        if part.signature.origin == reasoning.NAME:
            found["extra_content"] = reasoning.write_thought(part.signature)
        elif part.at:
            self._lost.add(f"{part.at}.thoughtSignature")  # those of parts are Gemini's

    def _made(self, found: Json, part: Media, texts: list[Text | Media | Foreign]) -> None:
        """What the assistant made: routers take it as it came, others see it as if the user showed it."""
        if part.kind == "audio":
            if part.file_id:
                found["audio"] = {"id": part.file_id}
            else:
                self._lost.add(part.at)
                texts.append(Text(part.transcript))
        elif part.kind == "image" and self._manners.is_wide and not part.file_id:
            image = media.write_answer_image(part)
            self._thought(image, part)
            found.setdefault("images", []).append(image)
        else:
            self._move("This is what you made:", [part])


def _write_thinking(found: Json, thoughts: list[Thinking]) -> None:
    if any(part.signature for part in thoughts):
        found["reasoning_details"] = [
            reasoning.write_detail(part, index) for index, part in enumerate(thoughts)
        ]
    else:
        found["reasoning_content"] = "\n\n".join(part.text for part in thoughts)


def cache_mark(ttl: str) -> Json:
    return {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}


def _written_document(part: Media) -> Json | None:
    """A document that is only text, as text: chat takes files of PDF alone."""
    if part.kind != "document" or not part.data or not part.mime.startswith("text/"):
        return None
    try:
        text = base64.b64decode(part.data).decode()
    except (ValueError, binascii.Error):
        return None
    return {"type": "text", "text": f"{part.name}:\n\n{text}" if part.name else text}


def _is_bare(text: Text) -> bool:
    return not (text.cache or text.citations or text.signature)
