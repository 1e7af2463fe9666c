"""The messages of a chat request, read. Forms that clients really send are taken; what makes no sense is refused."""

from collections.abc import Callable
from typing import Any

import msgspec

from pronghorn.convert.chat import citations, media, reasoning
from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user"}
_PLAIN_ROLES: dict[str, Role] = _ROLES | {"assistant": "assistant"}
_BASIC = frozenset({"role", "content", "tool_calls", "name"})
"""What most messages of an assistant have; only the others are searched for more."""
_RESULT = frozenset({"role", "content", "tool_call_id", "name"})
_TEXT_KINDS = ("text", "input_text", "output_text")


def read_messages(found: list[Any], unknown: list[str]) -> list[Message]:
    """Paths of what has no place in our messages are added to `unknown`."""
    reader = _Reader(unknown)
    return [reader.read(value, f"$.messages[{index}]") for index, value in enumerate(found)]


def read_cache(fields: Fields, unknown: list[str]) -> str:
    """`5m`, `1h`, or empty without a mark."""
    if "cache_control" not in fields.members:
        return ""  # as nearly always
    mark = fields.nested("cache_control")
    if mark is None:
        return ""
    kind, ttl = mark.take("type"), mark.take("ttl") or "5m"
    if kind != "ephemeral" or ttl not in ("5m", "1h"):
        unknown.append(mark.at)
        return ""
    unknown += mark.left()
    return str(ttl)


class _Reader:
    """Knows which calls are still without a result: older clients name them by the tool's name or not at all."""

    def __init__(self, unknown: list[str]) -> None:
        self._unknown = unknown
        self._open: list[ToolCall] = []
        self._custom: set[str] = set()

    def read(self, value: Any, at: str) -> Message:
        if type(value) is dict and type(content := value.get("content")) is str:
            message = self._plain(value, content, at)
            if message is not None:
                return message
        fields = Fields(value, at)
        role = fields.required_text("role")
        if role == "assistant":
            message = Message("assistant", self._assistant(fields), at=at)
        elif role in ("tool", "function"):
            message = Message("tool", [self._result(fields)], at=at)
        elif role in _ROLES:
            message = Message(_ROLES[role], self._content(fields), at=at)
        else:
            raise wrong(f"{at}.role", "one of system, developer, user, assistant, tool")
        if role not in ("tool", "function"):
            message.name = fields.text("name") or ""
        self._unknown += fields.left()
        return message

    def _plain(self, members: Json, content: str, at: str) -> Message | None:
        """Text and nothing else, as nearly all messages are, and quickly; None for any other."""
        role = _PLAIN_ROLES.get(str(members.get("role")))
        texts: list[Any] = [Text(content, at=f"{at}.content")] if content else []
        if role is not None and len(members) == 2:
            if role == "assistant":
                self._open = []
            return Message(role, texts, at=at)
        if members.get("role") != "tool" or not members.keys() <= _RESULT:
            return None
        call_id, name = members.get("tool_call_id"), members.get("name", "")
        if not call_id or type(call_id) is not str or type(name) is not str:
            return None
        return Message("tool", [self._answer(call_id, texts, name, at)], at=at)

    def _content(self, fields: Fields) -> list[Part]:
        content = fields.take("content")
        # Some clients mark a message and not its content.
        cache = read_cache(fields, self._unknown)
        if content is None:
            return []
        if isinstance(content, str):
            return [Text(content, cache=cache, at=fields.path("content"))] if content else []
        if not isinstance(content, list):
            raise wrong(fields.path("content"), "a string or a list of parts")
        parts: list[Part] = []
        for index, value in enumerate(content):
            part = self._part(value, f"{fields.at}.content[{index}]")
            if part is not None:
                parts.append(part)
        if cache and parts and isinstance(parts[-1], Text | Media):
            parts[-1].cache = parts[-1].cache or cache
        return parts

    def _part(self, value: Any, at: str) -> Part | None:
        """None for an empty text."""
        if isinstance(value, str):
            return Text(value, at=at) if value else None
        if (
            type(value) is dict
            and len(value) == 2
            and type(plain := value.get("text")) is str
            and value.get("type") == "text"
        ):
            return Text(plain, at=at) if plain else None
        fields = Fields(value, at)
        kind = fields.required_text("type")
        if kind in _TEXT_KINDS:
            text = fields.required_text("text")
            part: Text | Media | None = Text(text, at=at)
            if not text:
                return None
        elif kind == "refusal":
            return Refusal(fields.required_text("refusal"), at)
        else:
            part = media.read_media(kind, fields, self._unknown)
        if part is None:
            return Foreign("chat", fields.members, at)
        part.cache = read_cache(fields, self._unknown)
        self._unknown += fields.left()
        return part

    def _assistant(self, fields: Fields) -> list[Part]:
        parts = self._content(fields) if fields.members.keys() <= _BASIC else self._adorned(fields)
        calls = self._calls(fields)
        self._open = calls
        self._custom.update(call.id for call in calls if call.is_custom)
        return parts + calls

    def _adorned(self, fields: Fields) -> list[Part]:
        """Reasoning, text, refusal and what the model made, of a message that may have all of them."""
        parts: list[Part] = []
        for name in ("reasoning_content", "reasoning", "reasoning_details"):
            fields.take(name)
        for thinking in reasoning.read_thinking(fields.members):
            thinking.at = fields.path("reasoning_details" if thinking.signature else "reasoning_content")
            parts.append(thinking)
        content = self._content(fields)
        self._decorate(fields, content)
        parts += content
        refusal = fields.text("refusal")
        if refusal:
            parts.append(Refusal(refusal, fields.path("refusal")))
        return parts + self._made(fields)

    def _decorate(self, fields: Fields, content: list[Part]) -> None:
        """What an answer of ours had beside its text, and a client gave back with it."""
        annotations, signature = (
            fields.take("annotations"),
            reasoning.read_thought(fields.members, "generate"),
        )
        fields.take("extra_content")
        texts = [part for part in content if isinstance(part, Text)]
        if annotations and texts:
            texts[-1].citations = citations.read_all(annotations)
        if signature is not None:
            if not texts:
                texts = [Text("", at=fields.path("extra_content"))]
                content += texts
            texts[-1].signature = signature

    def _made(self, fields: Fields) -> list[Part]:
        """Pictures and sounds that the model made."""
        parts: list[Part] = []
        for index, entry in enumerate(fields.listing("images") or ()):
            image = media.read_answer_image(entry)
            if image is not None:
                image.at = f"{fields.at}.images[{index}]"
                image.signature = reasoning.read_thought(entry, "generate")
                parts.append(image)
        audio = fields.mapping("audio")
        if audio is not None:
            sound = media.spoken(audio)
            if sound is None and isinstance(audio.get("id"), str):
                sound = Media("audio", file_id=audio["id"])
            if sound is not None:
                sound.at = fields.path("audio")
                parts.append(sound)
        return parts

    def _calls(self, fields: Fields) -> list[ToolCall]:
        calls = [
            self._call(value, f"{fields.at}.tool_calls[{index}]")
            for index, value in enumerate(fields.listing("tool_calls") or ())
        ]
        legacy = fields.nested("function_call")
        if legacy is not None and not calls:
            name, arguments = legacy.required_text("name"), arguments_text(legacy.take("arguments"))
            calls.append(ToolCall(_made_up_id(fields.path("function_call")), name, arguments, at=legacy.at))
        return calls

    def _call(self, value: Any, at: str) -> ToolCall:
        if type(value) is dict and len(value) == 3 and value.get("type") == "function":
            plain = _plain_call(value, at)
            if plain is not None:
                return plain
        fields = Fields(value, at)
        fields.take("index")
        is_custom = fields.take("type") == "custom"
        inner = Fields(fields.take("custom" if is_custom else "function"), f"{at}.function")
        given = inner.take("input" if is_custom else "arguments")
        fields.take("extra_content")
        call = ToolCall(
            fields.text("id") or _made_up_id(at),
            inner.required_text("name"),
            arguments_text(given),
            is_custom,
            reasoning.read_thought(fields.members, "generate"),
            read_cache(fields, self._unknown),
            at,
        )
        self._unknown += fields.left() + inner.left()
        return call

    def _result(self, fields: Fields) -> ToolResult:
        call_id, name = fields.text("tool_call_id"), fields.text("name") or ""
        if not call_id:
            call_id = self._next_call(lambda call: not name or call.name == name)
        if not call_id:
            call_id = fields.required_text("tool_call_id")
        fields.take("role")
        parts = self._content(fields)
        sayable: list[Text | Media] = [part for part in parts if isinstance(part, Text | Media)]
        self._unknown += [part.at for part in parts if not isinstance(part, Text | Media)]
        return self._answer(call_id, sayable, name, fields.at)

    def _answer(self, call_id: str, parts: list[Text | Media], name: str, at: str) -> ToolResult:
        self._open = [call for call in self._open if call.id != call_id]
        return ToolResult(call_id, parts, name, is_custom=call_id in self._custom, at=at)

    def _next_call(self, fits: Callable[[ToolCall], bool]) -> str | None:
        return next((call.id for call in self._open if fits(call)), None)


def _plain_call(members: Json, at: str) -> ToolCall | None:
    """The form that OpenAI documents, and quickly; None for any other."""
    inner, call_id = members.get("function"), members.get("id")
    if not isinstance(inner, dict) or len(inner) != 2:
        return None
    name, arguments = inner.get("name"), inner.get("arguments")
    if not (call_id and isinstance(call_id, str) and isinstance(name, str) and isinstance(arguments, str)):
        return None
    return ToolCall(call_id, name, arguments, at=at)


def _made_up_id(at: str) -> str:
    """The same for the same request: its call's place, in letters that every dialect allows."""
    return "call_" + "".join(letter if letter.isalnum() else "_" for letter in at[2:])


def arguments_text(found: Any) -> str:
    """Arguments as JSON text, also where a vendor or client gives the object itself."""
    if isinstance(found, str):
        return found
    return "" if found is None else msgspec.json.encode(found).decode()
