"""Whether a JSON Schema that a request brings along is one: the keywords have values of the right kind."""

from collections.abc import Callable
from typing import Any

from pronghorn.sandbox.anthropic.shape import mapping, refuse

MAX_DEPTH = 64


def check(value: Any, path: str) -> None:
    """Raises `SandboxError`."""
    mapping(value, path)
    if not _is_schema(value, 0):
        raise refuse(path, "JSON schema is invalid. It must match JSON Schema draft 2020-12")


def _is_schema(value: Any, depth: int) -> bool:
    if isinstance(value, bool):
        return True
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return False
    return all(
        inner is None or name not in _KEYWORDS or _KEYWORDS[name](inner, depth + 1)
        for name, inner in value.items()
    )


def _schemas(value: Any, depth: int) -> bool:
    return isinstance(value, dict) and all(_is_schema(inner, depth) for inner in value.values())


def _schema_list(value: Any, depth: int) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_schema(inner, depth) for inner in value)


def _names(value: Any, _depth: int) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _kind(value: Any, depth: int) -> bool:
    return isinstance(value, str) or _names(value, depth)


def _list(value: Any, _depth: int) -> bool:
    return isinstance(value, list)


def _text(value: Any, _depth: int) -> bool:
    return isinstance(value, str)


def _number(value: Any, _depth: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any, _depth: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _step(value: Any, depth: int) -> bool:
    return _number(value, depth) and bool(value > 0)


_KEYWORDS: dict[str, Callable[[Any, int], bool]] = {
    "type": _kind,
    "enum": _list,
    "required": _names,
    "pattern": _text,
    "format": _text,
    "$ref": _text,
    "multipleOf": _step,
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions"), _schemas),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _schema_list),
    **dict.fromkeys(("items", "additionalProperties", "not", "contains", "propertyNames"), _is_schema),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count
    ),
}
