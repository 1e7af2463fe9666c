"""Values that a JSON Schema accepts: what the sandbox answers when a schema is asked for.

Covers what schemas of tools and structured outputs use; words and numbers of the prompt are taken where they fit.
"""

import re
from typing import Any

MAX_DEPTH = 8

_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "duration": "PT1H",
}
_SIMPLE_PATTERN = re.compile(r"\^?((?:\[[^\]]+\]|\\[dws]|[\w\s/:@.-])(?:\{\d+(?:,\d*)?\}|[+*?])?)+\$?")
_PATTERN_PIECE = re.compile(r"(\[[^\]]+\]|\\.|.)(\{(\d+)(?:,\d*)?\}|[+*?])?")


class Sampler:
    """One for each answer: the prompt's words are used up in turn."""

    def __init__(self, root: Any, prompt: str = "") -> None:
        self._root = root if isinstance(root, dict) else {}
        self._words = re.findall(r"[^\W\d_]{3,}", prompt)[::-1]
        self._numbers = [int(number) for number in re.findall(r"\d{1,9}", prompt)][::-1]

    def sample(self, schema: Any = None, depth: int = 0) -> Any:
        schema = self._root if schema is None else schema
        if schema is True or not isinstance(schema, dict) or not schema:
            return "value"
        if "$ref" in schema:
            return self.sample(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                rest = {key: value for key, value in schema.items() if key != keyword}
                return self.sample(_merged(rest, self._choose(schema[keyword], depth)), depth)
        if schema.get("allOf"):
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                merged = _merged(merged, self._resolve(part["$ref"]) if "$ref" in part else part)
            return self.sample(merged, depth)
        return self._typed(schema, depth)

    def _choose(self, options: list[Any], depth: int) -> Any:
        """The first option, or one that ends, once the value is deep: recursion has to stop somewhere."""
        if depth < MAX_DEPTH:
            return options[0]
        simple = (
            o for o in options if isinstance(o, dict) and o.get("type") in ("null", "string", "integer")
        )
        return next(simple, options[-1])

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type") or _guessed_type(schema)
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return self._number(schema, is_whole=kind == "integer")
        if kind == "boolean":
            return True
        return None if kind == "null" else self._string(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = [name for name in properties if name in required or depth < 3]
        names += [name for name in required if name not in properties]
        found = {name: self.sample(properties.get(name, {}), depth + 1) for name in names}
        for number in range(len(found), int(schema.get("minProperties", 0))):
            found[f"property{number}"] = self.sample(schema.get("additionalProperties"), depth + 1)
        return found

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = [self.sample(part, depth + 1) for part in schema.get("prefixItems") or ()]
        least = int(schema.get("minItems", 0 if depth >= MAX_DEPTH else 1))
        count = min(max(least, len(first)), int(schema.get("maxItems", 1_000)), 100)
        items = schema.get("items", {})
        found = first[:count]
        while len(found) < count:
            value = self.sample(items, depth + 1)
            if schema.get("uniqueItems") and value in found:
                value = f"{value}{len(found)}" if isinstance(value, str) else len(found)
            found.append(value)
        return found

    def _number(self, schema: dict[str, Any], *, is_whole: bool) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf") or (1 if is_whole else None)
        wanted = self._numbers[-1] if self._numbers else 1
        if self._fits(wanted, schema) and (not step or wanted % step == 0):
            if self._numbers:
                self._numbers.pop()
            return wanted
        if step:
            start = -(-(low if low is not None else min(0, high or 0)) // step) * step
            return start if self._fits(start, schema) else start + step
        if low is not None and high is not None:
            return float((low + high) / 2)
        return low + 1 if low is not None else (high or 1) - 1

    @staticmethod
    def _fits(value: float, schema: dict[str, Any]) -> bool:
        is_inside = schema.get("minimum", value) <= value <= schema.get("maximum", value)
        low, high = schema.get("exclusiveMinimum", value - 1), schema.get("exclusiveMaximum", value + 1)
        return bool(is_inside and low < value < high)

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if schema.get("pattern") and (matching := _matching(schema["pattern"])) is not None:
            return matching
        text = self._words.pop() if self._words else "text"
        text = text.ljust(int(schema.get("minLength", 0)), "x")
        return text[: int(schema.get("maxLength", len(text)))]

    def _resolve(self, reference: Any) -> Any:
        found: Any = self._root
        for step in str(reference).removeprefix("#").strip("/").split("/"):
            if step:
                found = (
                    found.get(step.replace("~1", "/").replace("~0", "~"), {})
                    if isinstance(found, dict)
                    else {}
                )
        return found


def _guessed_type(schema: dict[str, Any]) -> str:
    for keyword, kind in (
        ("properties", "object"),
        ("items", "array"),
        ("required", "object"),
        ("minimum", "number"),
    ):
        if keyword in schema:
            return kind
    return "string"


def _merged(one: dict[str, Any], other: Any) -> dict[str, Any]:
    if not isinstance(other, dict):
        return one
    merged = one | other
    for keyword in ("properties", "$defs"):
        if keyword in one and keyword in other:
            merged[keyword] = one[keyword] | other[keyword]
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _matching(pattern: str) -> str | None:
    """A text that a simple pattern matches: character classes and counts, no groups; None for other patterns."""
    if not _SIMPLE_PATTERN.fullmatch(pattern):
        return None
    text = ""
    for piece, times, least in _PATTERN_PIECE.findall(pattern.removeprefix("^").removesuffix("$")):
        count = int(least) if least else 0 if times in ("*", "?") else 1
        text += _one_of(piece) * count
    return text if re.search(pattern, text) else None


def _one_of(piece: str) -> str:
    if piece.startswith("["):
        return piece[1] if piece[1] != "^" else "x"
    return {"\\d": "1", "\\w": "a", "\\s": " "}.get(piece, piece[-1])
