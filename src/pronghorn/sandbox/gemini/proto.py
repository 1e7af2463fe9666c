"""A body read as Google's servers read JSON into their messages: either spelling of a name, nothing unknown.

What comes out has camelCase names, upper-case enums, numbers as numbers and bytes in the standard alphabet.
"""

import base64
import binascii
import json
import re
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.gemini.fields import ENUMS, MESSAGES, VERTEX_MESSAGES

MAX_FAULTS = 10
_TYPES = {
    "text": "TYPE_STRING",
    "bool": "TYPE_BOOL",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float": "TYPE_FLOAT",
    "bytes": "TYPE_BYTES",
}
_PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta."
DATA = (
    "text",
    "inlineData",
    "functionCall",
    "functionResponse",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
"""A part has one of these."""
MAX_DEPTH = 100
_CAMEL = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")

Shape = dict[str, Any]


async def read(request: web.Request, message: str, *, is_vertex: bool = False) -> Shape:
    """The body as `message`. Raises `SandboxError` in Google's words, which names every fault that was found."""
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise SandboxError("Invalid JSON payload received. Unexpected token.") from error
    reader = _Reader(is_vertex=is_vertex)
    found = reader.message(message, body, "")
    if reader.faults:
        raise SandboxError("\n".join(reader.faults), param=reader.place)
    return found


def snake(name: str) -> str:
    return _HUMP.sub(r"_\1", name).lower()


def fault(field: str, why: str, root: str = "GenerateContentRequest") -> SandboxError:
    """What a field that was understood must not say."""
    return SandboxError(f"* {root}.{field}: {why}", param=field)


class _Reader:
    """Collects the faults of one body. `place` is where the first one is."""

    def __init__(self, *, is_vertex: bool) -> None:
        self._messages = VERTEX_MESSAGES if is_vertex else MESSAGES
        self.faults: list[str] = []
        self.place = ""

    def message(self, name: str, given: Any, path: str) -> Shape:
        fields = self._messages[name]
        if path.count(".") > MAX_DEPTH:
            self._add(f"Message too deep. Max recursion depth reached for key '{path[-40:]}'", path)
            return {}
        if not isinstance(given, dict):
            self._wrong(given, path, _PACKAGE + name)
            return {}
        found: Shape = {}
        for key, value in given.items():
            camel = key if key in fields else _CAMEL.sub(lambda match: match[1].upper(), key)
            if camel not in fields:
                self._unknown(key, path, "Cannot find field.")
            elif value is not None:
                if name == "Part" and camel in DATA and any(other in found for other in DATA):
                    oneof = f"(oneof), oneof field 'data' is already set. Cannot set '{camel}'"
                    self._add(f"Invalid value at '{path}' {oneof}", path)
                found[camel] = self._field(fields[camel], value, path, key, camel)
        return found

    def _field(self, kind: str, value: Any, path: str, key: str, camel: str) -> Any:
        place = f"{path}.{snake(camel)}" if path else snake(camel)
        if kind.endswith("[]"):
            items = value if isinstance(value, list) else [value]
            return [self._value(kind[:-2], item, f"{place}[{index}]") for index, item in enumerate(items)]
        if kind.endswith("{}"):
            if not isinstance(value, dict):
                self._wrong(value, place, _TYPES["text"])
                return {}
            return {
                name: self._value(kind[:-2], item, f"{place}[{index}].value")
                for index, (name, item) in enumerate(value.items())
            }
        if isinstance(value, list) and kind != "any":
            self._unknown(key, path, "Proto field is not repeating, cannot start list.")
            return None
        return self._value(kind, value, place)

    def _value(self, kind: str, value: Any, path: str) -> Any:
        if kind in self._messages:
            return self.message(kind, value, path)
        if kind in ENUMS:
            if isinstance(value, str) and value.upper() in ENUMS[kind]:
                return value.upper()
            return self._wrong(value, path, _PACKAGE + kind)
        if kind == "bytes":
            return self._bytes(value, path)
        if kind in ("int32", "int64", "float"):
            return self._number(kind, value, path)
        is_right = kind == "any" or isinstance(value, bool if kind == "bool" else str)
        return value if is_right else self._wrong(value, path, _TYPES[kind])

    def _number(self, kind: str, value: Any, path: str) -> Any:
        """Numbers may come as text, whole ones with a decimal point."""
        try:
            number = float(value) if isinstance(value, int | float | str) else None
        except (ValueError, OverflowError):
            number = None
        limit = {"int32": 2**31, "int64": 2**63}.get(kind)
        if number is None or isinstance(value, bool) or number - number != 0:
            return self._wrong(value, path, _TYPES[kind])
        if limit is None:
            return number
        if number != int(number) or not -limit <= number < limit:
            return self._wrong(value, path, _TYPES[kind])
        return int(number)

    def _bytes(self, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self._wrong(value, path, _TYPES["bytes"])
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        standard += "=" * (-len(standard) % 4)
        try:
            base64.b64decode(standard, validate=True)
        except (binascii.Error, ValueError):
            self._add(
                f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for {_shown(value)}", path
            )
        return standard

    def _wrong(self, value: Any, path: str, kind: str) -> None:
        self._add(f"Invalid value at '{path}' ({kind}), {_shown(value)}", path)

    def _unknown(self, key: str, path: str, why: str) -> None:
        place = f" at '{path}'" if path else ""
        self._add(f'Invalid JSON payload received. Unknown name "{key}"{place}: {why}', path)

    def _add(self, fault: str, place: str) -> None:
        if not self.faults:
            self.place = place
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]
