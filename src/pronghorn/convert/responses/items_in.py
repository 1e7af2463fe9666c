"""The input items of a request, read into messages: what the assistant did in a row is one message, results another."""

from typing import Any

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.responses import citations, media, signatures
from pronghorn.convert.responses.signatures import NAME, Carried
from pronghorn.convert.responses.tools import full_name
from pronghorn.convert.turn import (
    Foreign,
    Json,
    Media,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user"}
_TEXT_KINDS = ("input_text", "output_text", "text")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_RESULTS = ("function_call_output", "custom_tool_call_output")
_COMMON = {"type", "id", "status"}
_MESSAGE = frozenset({"role", "content"} | _COMMON)
_CALL = {kind: frozenset({"call_id", "name", "namespace", name} | _COMMON) for kind, name in _CALLS.items()}
_RESULT = frozenset({"call_id", "output"} | _COMMON)
_REASONING = frozenset({"summary", "content", "encrypted_content"} | _COMMON)
_TEXT = frozenset({"type", "text", "annotations", "logprobs"})
"""What is understood of each: long conversations are read by these, without a look at every member."""


def read_input(found: Any, unknown: list[str]) -> list[Message]:
    """Paths of what has no place in our messages are added to `unknown`. Raises `BadRequest`."""
    if isinstance(found, str):
        return [Message("user", [Text(found, at="$.input")] if found else [], at="$.input")]
    if not isinstance(found, list):
        raise wrong("$.input", "a string or a list of items")
    reader = _Reader(unknown)
    for index, value in enumerate(found):
        reader.read(value, f"$.input[{index}]")
    return reader.finish()


class _Reader:
    def __init__(self, unknown: list[str]) -> None:
        self._unknown = unknown
        self._messages: list[Message] = []
        self._said: list[Part | Carried] = []
        """Of the assistant's message that is still growing, the last of all."""

    def read(self, item: Any, at: str) -> None:
        if not isinstance(item, dict):
            raise wrong(at, "an object")
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        if not isinstance(kind, str):
            raise wrong(f"{at}.type", "a string")
        if kind == "message":
            self._message(item, at)
        elif kind in _CALLS:
            self._call(item, kind, at)
        elif kind in _RESULTS:
            self._result(item, at, is_custom=kind == "custom_tool_call_output")
        elif kind == "reasoning":
            self._reasoning(item, at)
        elif kind == "item_reference":
            self._unknown.append(at)
        else:
            self._hosted(item, str(kind), at)

    def finish(self) -> list[Message]:
        self._settle()
        return self._messages

    def _settle(self) -> None:
        if self._said:
            self._messages[-1].parts = signatures.settle(self._said)
            self._said = []

    def _add(self, message: Message) -> None:
        self._settle()
        self._messages.append(message)

    def _say(self, part: Part | Carried, at: str) -> None:
        """What the assistant did next."""
        if not self._messages or self._messages[-1].role != "assistant":
            self._add(Message("assistant", [], at=at))
        self._said.append(part)

    def _leave(self, members: Json, understood: frozenset[str], at: str) -> None:
        if not members.keys() <= understood:
            self._unknown += [
                f"{at}.{name}"
                for name, value in members.items()
                if name not in understood and value is not None
            ]

    def _message(self, item: Json, at: str) -> None:
        role = _text(item, "role", at)
        if role != "assistant" and role not in _ROLES:
            raise wrong(f"{at}.role", "one of system, developer, user, assistant")
        self._leave(item, _MESSAGE, at)
        parts = self._content(item.get("content"), f"{at}.content")
        if role in _ROLES:
            self._add(Message(_ROLES[role], parts, at=at))
            return
        for part in parts:
            self._say(part, at)

    def _content(self, content: Any, at: str) -> list[Part]:
        """Empty texts are left out: no other dialect takes them."""
        if content is None or content == "":
            return []
        if isinstance(content, str):
            return [Text(content, at=at)]
        if not isinstance(content, list):
            raise wrong(at, "a string or a list of parts")
        found = [self._part(value, f"{at}[{index}]") for index, value in enumerate(content)]
        return [part for part in found if part is not None]

    def _part(self, value: Any, at: str) -> Text | Media | Refusal | None:
        if not isinstance(value, dict):
            raise wrong(at, "an object")
        kind = _text(value, "type", at)
        if kind in _TEXT_KINDS:
            self._leave(value, _TEXT, at)
            text = _text(value, "text", at)
            cited = citations.read_all(value["annotations"]) if value.get("annotations") else []
            return Text(text, cited, at=at) if text else None
        part = Fields(value, at)
        part.take("type")
        found: Media | Refusal | None
        if kind == "refusal":
            found = Refusal(part.required_text("refusal"), at)
        else:
            found = media.read_media(kind, part, self._unknown)
            if found is None:
                self._unknown.append(at)
                return None
        self._unknown += part.left()
        return found

    def _call(self, item: Json, kind: str, at: str) -> None:
        self._leave(item, _CALL[kind], at)
        given = item.get(_CALLS[kind])
        if given is not None and not isinstance(given, str):
            raise wrong(f"{at}.{_CALLS[kind]}", "a string")
        call_id = item.get("call_id") or item.get("id")
        if not isinstance(call_id, str):
            call_id = _text(item, "call_id", at)
        is_custom = kind == "custom_tool_call"
        namespace = _text(item, "namespace", at) if item.get("namespace") else ""
        name = full_name(namespace, _text(item, "name", at))
        self._say(ToolCall(call_id, name, given or "", is_custom, at=at, namespace=namespace), at)

    def _result(self, item: Json, at: str, *, is_custom: bool) -> None:
        self._leave(item, _RESULT, at)
        parts = self._content(item.get("output"), f"{at}.output")
        sayable = [part for part in parts if isinstance(part, Text | Media)]
        self._unknown += [part.at for part in parts if isinstance(part, Refusal)]
        result = ToolResult(_text(item, "call_id", at), sayable, is_custom=is_custom, at=at)
        if not self._messages or self._messages[-1].role != "tool":
            self._add(Message("tool", [], at=at))
        self._messages[-1].parts.append(result)

    def _reasoning(self, item: Json, at: str) -> None:
        self._leave(item, _REASONING, at)
        part = signatures.read_item(item)
        if part is None or (isinstance(part, Thinking) and not part.text and part.signature is None):
            self._unknown.append(at)  # only who made it could know what it was
            return
        part.at = at
        self._say(part, at)

    def _hosted(self, item: Json, kind: str, at: str) -> None:
        """Of hosted tools the calls are the assistant's doing, their outputs come from the user."""
        result = item.get("result")
        if kind == "image_generation_call" and isinstance(result, str) and result:
            picture = media.picture(result)
            picture.at = at
            self._say(picture, at)
            return
        part = Foreign(NAME, item, at)
        if kind.endswith(("_output", "_response")):
            self._add(Message("user", [part], at=at))
        else:
            self._say(part, at)


def _text(members: Json, name: str, at: str) -> str:
    """Raises `BadRequest` that names the field."""
    value = members.get(name)
    return value if isinstance(value, str) else Fields(members, at).required_text(name)
