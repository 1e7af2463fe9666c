"""Values that a JSON Schema accepts: what the sandbox answers when a schema is asked for.

It guesses and keeps the first guess that `schema_check` accepts; words and numbers of the prompt are tried first.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from pronghorn.sandbox.openai.pattern_sample import matching
from pronghorn.sandbox.openai.schema_check import accepts, resolve

MAX_DEPTH = 8
MAX_STEPS = 20_000
MAX_ITEMS = 100
MAX_TEXT = 10_000

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
_KINDS = (
    ("object", ("properties", "required", "additionalProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "uniqueItems")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)

Schema = dict[str, Any]


class Sampler:
    """One for each answer: the prompt's words and numbers are used up in turn."""

    def __init__(self, root: Any, prompt: str = "") -> None:
        self._root: Schema = root if isinstance(root, dict) else {}
        self._words = re.findall(r"[^\W\d_]{3,}", prompt)[::-1]
        self._numbers = [int(number) for number in re.findall(r"\d{1,9}", prompt)][::-1]
        self._steps = 0

    def sample(self) -> Any:
        return self._sample(self._root, 0)

    def _sample(self, schema: Any, depth: int) -> Any:
        self._steps += 1
        if not isinstance(schema, dict) or not schema or self._steps > MAX_STEPS or depth > 8 * MAX_DEPTH:
            return "value"
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return self._sample(_merged(rest, resolve(schema["$ref"], self._root)), depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return next((one for one in schema["enum"] if self._fits(schema, one)), schema["enum"][0])
        if schema.get("allOf"):
            return self._sample(self._all_of(schema), depth)
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                return self._one_of(schema, keyword, depth)
        return self._of_any_kind(schema, depth)

    def _all_of(self, schema: Schema) -> Schema:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            while isinstance(part, dict) and "$ref" in part:
                rest = {key: value for key, value in part.items() if key != "$ref"}
                part = _merged(rest, resolve(part["$ref"], self._root))
                self._steps += 1
                if self._steps > MAX_STEPS:
                    break
            merged = _merged(merged, part)
        return merged

    def _one_of(self, schema: Schema, keyword: str, depth: int) -> Any:
        """The first option whose sample the whole schema accepts. Deep down simple options come first."""
        rest = {key: value for key, value in schema.items() if key != keyword}
        options = list(schema[keyword])
        if depth >= MAX_DEPTH:
            options.sort(key=_is_deep)
        guess: Any = None
        for option in options:
            guess = self._sample(_merged(rest, option), depth + 1)
            if self._fits(schema, guess):
                return guess
        return guess

    def _of_any_kind(self, schema: Schema, depth: int) -> Any:
        given = schema.get("type")
        kinds = given if isinstance(given, list) else [given or _guessed_kind(schema)]
        if len(kinds) > 1:
            kinds = sorted(kinds, key=lambda kind: kind == "null")
        guess: Any = None
        for kind in kinds:
            guess = self._of_kind(kind, schema, depth)
            if self._fits(schema, guess):
                break
        return guess

    def _of_kind(self, kind: str, schema: Schema, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return self._first_fit(schema, self._number_guesses(schema, is_whole=kind == "integer"))
        if kind == "boolean":
            return self._first_fit(schema, iter((True, False)))
        return None if kind == "null" else self._string(schema)

    def _first_fit(self, schema: Schema, guesses: Iterator[Any]) -> Any:
        guess: Any = None
        for guess in guesses:
            if self._fits(schema, guess):
                return guess
        return guess

    def _fits(self, schema: Any, value: Any) -> bool:
        return accepts(schema, value, self._root)

    def _object(self, schema: Schema, depth: int) -> Schema:
        properties = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if isinstance(name, str)]
        optional = [name for name in properties if name not in required and depth < 3]
        most = schema.get("maxProperties", len(required) + len(optional))
        found: Schema = {}
        for name in [name for name in properties if name in required or name in optional] + required:
            is_needed = name in required
            if name in found or (not is_needed and len(found) + len(required) >= most):
                continue
            wanted = properties.get(name, schema.get("additionalProperties", {}))
            value = self._sample(wanted, depth + 1)
            if is_needed or self._fits(wanted, value):
                found[name] = value
        for number in range(len(found), min(int(schema.get("minProperties", 0)), MAX_ITEMS)):
            found[f"property{number}"] = self._sample(schema.get("additionalProperties", {}), depth + 1)
        return found

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        first = [self._sample(part, depth + 1) for part in schema.get("prefixItems") or ()]
        items = schema.get("items", {})
        least = int(schema.get("minItems", 0 if depth >= MAX_DEPTH or items is False else 1))
        count = min(max(least, len(first)), int(schema.get("maxItems", MAX_ITEMS)), MAX_ITEMS)
        found = first[:count]
        if isinstance(schema.get("contains"), dict) and len(found) < count:
            found.append(self._sample(schema["contains"], depth + 1))
        while len(found) < count:
            value = self._sample(items, depth + 1)
            if schema.get("uniqueItems") and value in found:
                value = self._another(items, value, found)
            found.append(value)
        return found

    def _another(self, schema: Any, value: Any, found: list[Any]) -> Any:
        """A value beside those that are there."""
        guesses: list[Any] = list(schema.get("enum", ())) if isinstance(schema, dict) else []
        if isinstance(value, bool) or value is None:
            guesses += [False, True, None]
        elif isinstance(value, int | float):
            step = (schema.get("multipleOf") or 1) if isinstance(schema, dict) else 1
            guesses += [value + sign * step * n for n in range(1, MAX_ITEMS) for sign in (1, -1)]
        elif isinstance(value, str):
            guesses += [
                f"{value[: len(value) - cut]}{n}" for n in range(MAX_ITEMS) for cut in (0, len(str(n)))
            ]
        fresh = (guess for guess in guesses if guess not in found)
        return self._first_fit(schema, fresh)

    def _number_guesses(self, schema: Schema, *, is_whole: bool) -> Iterator[float]:
        if self._numbers and self._fits(schema, self._numbers[-1]):
            yield self._numbers.pop()
        yield from (1, 0, -1)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf") or (1 if is_whole else None)
        if step is not None and low is not None:
            yield from (math.ceil(low / step) * step, math.ceil(low / step) * step + step)
        if step is not None and high is not None:
            yield from (math.floor(high / step) * step, math.floor(high / step) * step - step)
        if low is not None and high is not None:
            yield (low + high) / 2
        if low is not None:
            yield from (low, low + 1)
        if high is not None:
            yield from (high, high - 1)

    def _string(self, schema: Schema) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if isinstance(schema.get("pattern"), str):
            found = matching(schema["pattern"])
            least = min(int(schema.get("minLength", 0)), MAX_TEXT)
            longer = [found, found.ljust(least, found[-1:] or "x")] if found is not None else []
            if fitting := next((text for text in longer if self._fits(schema, text)), None):
                return fitting
        text = self._words.pop() if self._words else "text"
        text = text.ljust(min(int(schema.get("minLength", 0)), MAX_TEXT), "x")
        return text[: int(schema.get("maxLength", len(text)))]


def _is_deep(option: Any) -> bool:
    kind = option.get("type") if isinstance(option, dict) else None
    return kind not in ("null", "string", "integer", "number", "boolean")


def _guessed_kind(schema: Schema) -> str:
    return next((kind for kind, words in _KINDS if any(word in schema for word in words)), "string")


def _merged(one: Schema, other: Any) -> Schema:
    """Both schemas at once: limits of the narrower, properties of both."""
    if not isinstance(other, dict):
        return one
    merged = one | other
    for keyword in one.keys() & other.keys():
        a, b = one[keyword], other[keyword]
        if keyword in ("properties", "$defs", "patternProperties"):
            merged[keyword] = a | {name: _merged(a[name], b[name]) if name in a else b[name] for name in b}
        elif keyword == "required":
            merged[keyword] = [*a, *(name for name in b if name not in a)]
        elif keyword in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
            merged[keyword] = max(a, b)
        elif keyword in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
            merged[keyword] = min(a, b)
        elif keyword == "enum":
            merged[keyword] = [value for value in a if value in b]
    return merged
