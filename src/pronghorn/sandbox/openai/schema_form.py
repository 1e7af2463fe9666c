"""Whether something is a JSON Schema at all, before values are made of it."""

import re
from typing import Any

from pronghorn.sandbox.errors import SandboxError

MAX_DEPTH = 100
MAX_NUMBER = 10**300

_SCHEMAS = ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("$defs", "definitions", "patternProperties", "properties")
_TEXTS = ("$ref", "format", "pattern")
_COUNTS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_NUMBERS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")


def check(schema: Any, param: str, depth: int = 0) -> None:
    """Raises `SandboxError` that names the keyword that is wrong."""
    if depth > MAX_DEPTH:
        raise SandboxError(
            "Invalid schema: it is nested too deeply.", param=param, code="invalid_json_schema"
        )
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise _wrong("schema", "an object", param)
    for keyword, value in schema.items():
        _check_keyword(keyword, value, param)
    for part in _parts(schema):
        check(part, param, depth + 1)


def _parts(schema: dict[str, Any]) -> list[Any]:
    parts = [schema[keyword] for keyword in _SCHEMAS if keyword in schema]
    parts += [part for keyword in _LISTS for part in schema.get(keyword, ())]
    return parts + [part for keyword in _MAPS for part in schema.get(keyword, {}).values()]


def _check_keyword(keyword: str, value: Any, param: str) -> None:
    if keyword in _LISTS or keyword == "enum":
        is_right, wanted = isinstance(value, list) and value != [], "an array with something in it"
    elif keyword in _MAPS:
        is_right, wanted = isinstance(value, dict), "an object"
    elif keyword in _TEXTS:
        is_right, wanted = isinstance(value, str), "a string"
    elif keyword in _COUNTS:
        is_right, wanted = _is_number(value) and value >= 0, "a number from 0"
    elif keyword in _NUMBERS:
        is_right, wanted = _is_number(value), "a number"
    elif keyword == "required":
        is_right, wanted = _are_texts(value), "an array of strings"
    elif keyword == "type":
        is_right, wanted = isinstance(value, str) or (value != [] and _are_texts(value)), "a type or several"
    elif keyword == "dependentRequired":
        is_right = isinstance(value, dict) and all(map(_are_texts, value.values()))
        wanted = "an object of arrays of strings"
    else:
        return
    if not is_right:
        raise _wrong(keyword, wanted, param)
    if keyword == "patternProperties" and not all(map(_is_pattern, value)):
        raise _wrong(keyword, "an object with patterns as names", param)


def _is_number(value: Any) -> bool:
    """A finite one: JSON as Python reads it knows NaN and Infinity too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _wrong(keyword: str, wanted: str, param: str) -> SandboxError:
    return SandboxError(
        f"Invalid schema: {keyword!r} must be {wanted}.", param=param, code="invalid_json_schema"
    )
