"""Schemas of both kinds, Google's own and JSON Schema: whether one is sound, and the first kind as the second."""

from typing import Any

from pronghorn.sandbox.anthropic import json_schema
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.gemini.proto import fault, snake

_STAYS = (
    "description",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "enum",
    "required",
)

Shape = dict[str, Any]


def check(schema: Shape, place: str) -> None:
    """Raises `SandboxError` for what a type must have, or may not have."""
    kind = schema.get("type")
    if "enum" in schema and kind not in ("STRING", None):
        raise _fault(place, "enum", "only allowed for STRING type")
    if kind == "ARRAY" and "items" not in schema:
        raise _fault(place, "items", "missing field.")
    properties = schema.get("properties", {})
    if kind == "OBJECT" and "properties" in schema and not properties:
        raise _fault(place, "properties", "should be non-empty for OBJECT type")
    if kind not in ("OBJECT", None) and properties:
        raise _fault(place, "properties", "only allowed for OBJECT type")
    for index, name in enumerate(schema.get("required", ())):
        if name not in properties:
            raise _fault(place, f"required[{index}]", "property is not defined")
    for name, inner in properties.items():
        check(inner, f"{place}.properties[{name}]")
    for index, inner in enumerate(schema.get("anyOf", ())):
        check(inner, f"{place}.any_of[{index}]")
    if "items" in schema:
        check(schema["items"], f"{place}.items")


def check_json(schema: Any, field: str) -> None:
    """Raises `SandboxError` for what is no JSON Schema."""
    try:
        json_schema.check(schema, field)
    except SandboxError as error:
        raise fault(field, "must be a valid JSON Schema of draft 2020-12.") from error


def _fault(place: str, field: str, why: str) -> SandboxError:
    return SandboxError(f"* {place}.{snake(field)}: {why}", param=f"{place}.{snake(field)}")


def as_json_schema(schema: Shape) -> Shape:
    plain: Shape = {name: schema[name] for name in _STAYS if name in schema}
    kind = str(schema.get("type", "TYPE_UNSPECIFIED")).lower()
    if kind != "type_unspecified":
        plain["type"] = kind
    if "items" in schema:
        plain["items"] = as_json_schema(schema["items"])
    if "properties" in schema:
        ordered = dict.fromkeys((*schema.get("propertyOrdering", ()), *schema["properties"]))
        plain["properties"] = {
            name: as_json_schema(schema["properties"][name])
            for name in ordered
            if name in schema["properties"]
        }
    if "anyOf" in schema:
        plain["anyOf"] = [as_json_schema(one) for one in schema["anyOf"]]
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain
