"""Parts of contents as canonical parts. A part of a kind that is not known here is foreign, not wrong."""

from typing import Any

import msgspec

from pronghorn.convert.fields import wrong
from pronghorn.convert.generate import signatures
from pronghorn.convert.generate.media import from_address, from_data
from pronghorn.convert.generate.names import Named
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import Foreign, Json, Media, Part, Signature, Text, Thinking, ToolCall, ToolResult

Unknown = list[str]

_CALL = {"id", "name", "args"}
_RESPONSE = {"id", "name", "response"}
_RESULTS = ("result", "output", "content")
_DETAILS = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
}


class Calls:
    """Ids for calls that have none: by their place, so that every turn of a conversation gives them the same."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []

    def begin(self) -> None:
        """The model speaks anew: what is open by now stays so."""
        self._open.clear()

    def called(self, id: str | None, name: str) -> str:
        self._count += 1
        known = id or f"call_{self._count}"
        self._open.append((known, name))
        return known

    def answered(self, id: str | None, name: str) -> str:
        """The id of the call that is meant: the one of that id, else the first one of that name."""
        same = [call for call in self._open if call[0] == id] or [
            call for call in self._open if call[1] == name
        ]
        if not same:
            return id or f"{name}_unasked"
        self._open.remove(same[0])
        return same[0][0]


def json_text(value: Any) -> str:
    return msgspec.json.encode({} if value is None else value).decode()


def read_part(value: Any, at: str, calls: Calls, unknown: Unknown) -> Part | None:
    """None for a part that says nothing."""
    if isinstance(value, str):
        return Text(value, at=at)
    if type(value) is dict and len(value) == 1:
        if type(text := value.get("text")) is str:
            return Text(text, at=at)  # nearly all parts are so
        plain = _plain_call(value, at, calls)
        if plain is not None:
            return plain
    fields = Named(value, at)
    proof = fields.text("thoughtSignature")
    is_thought = fields.flag("thought") or False
    part = _read(fields, proof, calls, unknown, is_thought=is_thought)
    if part is not None and not isinstance(part, Foreign):
        unknown += fields.left()
    return part


def _plain_call(value: Json, at: str, calls: Calls) -> Part | None:
    """A call or its response as they are documented, with nothing beside it, and quickly; None for any other."""
    [(kind, inner)] = value.items()
    if type(inner) is not dict:
        return None
    id, name = inner.get("id"), inner.get("name")
    if type(name) is not str or (id is not None and type(id) is not str):
        return None
    if kind == "functionCall" and inner.keys() <= _CALL and type(args := inner.get("args")) is dict:
        return ToolCall(calls.called(id, name), name, json_text(args), at=at)
    if kind == "functionResponse" and inner.keys() <= _RESPONSE:
        text, is_error = _told(inner.get("response"))
        said: list[Text | Media] = [Text(text, at=f"{at}.functionResponse.response")]
        return ToolResult(calls.answered(id, name), said, name, is_error, at=at)
    return None


def _read(
    fields: Named, proof: str | None, calls: Calls, unknown: Unknown, *, is_thought: bool
) -> Part | None:
    signature = signatures.read(proof)[0] if proof else None
    if fields.has("functionCall"):
        return _call(fields, signature, calls, unknown)
    if fields.has("functionResponse"):
        return _response(fields, calls, unknown)
    if fields.has("inlineData") or fields.has("fileData"):
        return Foreign(NAME, fields.members, fields.at) if is_thought else _media(fields, signature, unknown)
    if fields.has("text") or not any(value is not None for value in _data(fields)):
        return _text(fields, proof, signature, is_thought=is_thought)
    return Foreign(NAME, fields.members, fields.at)


def _data(fields: Named) -> list[Any]:
    return [value for name, value in fields.members.items() if name not in ("thought", "thoughtSignature")]


def _text(fields: Named, proof: str | None, signature: Signature | None, *, is_thought: bool) -> Part | None:
    text = fields.text("text")
    if text is None and proof is None:
        return None
    if is_thought:
        thinking: Thinking = signatures.read_thinking(text or "", proof)
        thinking.at = fields.at
        return thinking
    return Text(text or "", signature=signature, at=fields.at)


def _call(fields: Named, signature: Signature | None, calls: Calls, unknown: Unknown) -> Part:
    inner = Named(fields.take("functionCall"), fields.path("functionCall"))
    name, arguments = inner.required_text("name"), inner.mapping("args")
    id = calls.called(inner.text("id"), name)
    unknown += inner.left()
    return ToolCall(id, name, json_text(arguments), signature=signature, at=fields.at)


def _response(fields: Named, calls: Calls, unknown: Unknown) -> Part:
    inner = Named(fields.take("functionResponse"), fields.path("functionResponse"))
    name = inner.required_text("name")
    text, is_error = _told(inner.take("response"))
    parts: list[Text | Media] = [Text(text, at=inner.path("response"))]
    for value, at in inner.many("parts"):
        medium = read_part(value, at, calls, unknown)
        if isinstance(medium, Media):
            parts.append(medium)
        elif medium is not None:
            unknown.append(at)
    if len(parts) > 1 and text in ("", "{}"):
        del parts[0]
    call_id = calls.answered(inner.text("id"), name)
    unknown += inner.left()
    return ToolResult(call_id, parts, name, is_error, at=fields.at)


def _told(response: Any) -> tuple[str, bool]:
    """The words alone, where the object holds nothing else; and whether they are of an error."""
    if response is None or isinstance(response, str):
        return response or "", False
    if isinstance(response, dict) and len(response) == 1:
        [(name, value)] = response.items()
        if isinstance(value, str) and (name in _RESULTS or name == "error"):
            return value, name == "error"
    return json_text(response), False


def _media(fields: Named, signature: Signature | None, unknown: Unknown) -> Part:
    if fields.has("inlineData"):
        inner = Named(fields.take("inlineData"), fields.path("inlineData"))
        media = from_data(inner.required_text("mimeType"), inner.required_text("data"), fields.at)
    else:
        inner = Named(fields.take("fileData"), fields.path("fileData"))
        uri = inner.required_text("fileUri")
        if not uri:
            raise wrong(inner.path("fileUri"), "the URI of a file")
        media = from_address(inner.text("mimeType") or "", uri, fields.at)
    media.name = inner.text("displayName") or ""
    media.signature = signature
    media.detail = _detail(fields, unknown)
    unknown += inner.left()
    return media


def _detail(fields: Named, unknown: Unknown) -> str:
    found = fields.nested("mediaResolution")
    if found is None:
        return ""
    detail = _DETAILS.get(found.text("level") or "", "")
    if not detail:
        unknown.append(found.at)
    unknown += found.left()
    return detail


def settle(parts: list[Part]) -> list[Part]:
    """What a model said in pieces, as its streams have it: one part again, with the signature that comes last."""
    if len(parts) == 1 and type(only := parts[0]) is Text and only.text:
        return parts
    settled: list[Part] = []
    for part in parts:
        last = settled[-1] if settled else None
        if type(part) is Text and not part.text and part.signature is None:
            continue
        if type(part) is Text and type(last) is Text and last.signature is None:
            last.text += part.text
            last.signature = part.signature
        elif _goes_on(part, last):
            assert isinstance(part, Thinking) and isinstance(last, Thinking)
            last.text += part.text
            last.signature = part.signature
        else:
            settled.append(part)
    return settled


def _goes_on(part: Part, last: Part | None) -> bool:
    return (
        isinstance(part, Thinking)
        and isinstance(last, Thinking)
        and last.signature is None
        and not part.is_redacted
    )
