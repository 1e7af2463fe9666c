"""Google's own kind of schema, a part of OpenAPI's, as JSON Schema."""

from typing import Any

from pronghorn.convert.generate.names import camel
from pronghorn.convert.turn import Json
from pronghorn.errors import BadRequest

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_DROPPED = ("nullable", "propertyOrdering", "example")
_REFERENCES = {"ref": "$ref", "defs": "$defs"}


def as_json_schema(schema: Json) -> Json:
    """Raises `BadRequest` for one without a bottom."""
    try:
        return _plain(schema)
    except RecursionError as error:
        raise BadRequest("a schema is nested too deeply") from error


def _plain(schema: Json) -> Json:
    found = {_REFERENCES.get(camel(name), camel(name)): value for name, value in schema.items()}
    plain: Json = {}
    for name, value in found.items():
        if value is not None and name not in _DROPPED:
            plain[name] = _value(name, value)
    if plain.get("type") == "type_unspecified":
        del plain["type"]
    properties, order = plain.get("properties"), found.get("propertyOrdering")
    if isinstance(properties, dict) and isinstance(order, list):
        ordered = [name for name in order if isinstance(name, str) and name in properties]
        plain["properties"] = {name: properties[name] for name in [*ordered, *properties]}
    return _nullable(plain) if found.get("nullable") is True else plain


def _value(name: str, value: Any) -> Any:
    if name == "type":
        return [str(one).lower() for one in value] if isinstance(value, list) else str(value).lower()
    if name in ("items", "additionalProperties") and isinstance(value, dict):
        return _plain(value)
    if name in ("properties", "$defs") and isinstance(value, dict):
        return {key: _inner(inner) for key, inner in value.items()}
    if name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        return [_inner(inner) for inner in value]
    if name in _COUNTS and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _inner(schema: Any) -> Any:
    return _plain(schema) if isinstance(schema, dict) else schema


def _nullable(plain: Json) -> Json:
    kind = plain.get("type")
    if not isinstance(kind, str):
        return {"anyOf": [plain, {"type": "null"}]}
    plain = plain | {"type": [kind, "null"]}
    if isinstance(plain.get("enum"), list) and None not in plain["enum"]:
        plain["enum"] = [*plain["enum"], None]
    return plain
