"""Whether a value is what a JSON Schema wants: the keywords that tools and structured outputs use, formats aside.

The sampler asks it which of its guesses to keep. What it does not know it accepts.
"""

import re
from typing import Any

MAX_DEPTH = 64


def resolve(reference: Any, root: dict[str, Any]) -> Any:
    """What `$ref` points to inside `root`; an empty schema if there is nothing."""
    found: Any = root
    for step in str(reference).removeprefix("#").strip("/").split("/"):
        if step:
            key = step.replace("~1", "/").replace("~0", "~").replace("%24", "$")
            found = found.get(key, {}) if isinstance(found, dict) else {}
    return found


def accepts(schema: Any, value: Any, root: dict[str, Any], depth: int = 0) -> bool:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return True
    if "$ref" in schema and not accepts(resolve(schema["$ref"], root), value, root, depth + 1):
        return False
    if "const" in schema and not _same(schema["const"], value):
        return False
    if "enum" in schema and not any(_same(one, value) for one in schema["enum"]):
        return False
    kinds = schema.get("type")
    if kinds is not None and not any(
        _is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ):
        return False
    return _combined(schema, value, root, depth) and _contents(schema, value, root, depth)


def _combined(schema: dict[str, Any], value: Any, root: dict[str, Any], depth: int) -> bool:
    def fits(option: Any) -> bool:
        return accepts(option, value, root, depth + 1)

    if not all(map(fits, schema.get("allOf", ()))):
        return False
    if "anyOf" in schema and not any(map(fits, schema["anyOf"])):
        return False
    if "oneOf" in schema and sum(map(fits, schema["oneOf"])) != 1:
        return False
    if "not" in schema and fits(schema["not"]):
        return False
    if "if" in schema:
        return fits(schema.get("then" if fits(schema["if"]) else "else", True))
    return True


def _contents(schema: dict[str, Any], value: Any, root: dict[str, Any], depth: int) -> bool:
    if isinstance(value, str):
        return _string(schema, value)
    if isinstance(value, list):
        return _array(schema, value, root, depth)
    if isinstance(value, dict):
        return _object(schema, value, root, depth)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(schema, value)
    return True


def _string(schema: dict[str, Any], value: str) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return False
    try:
        return re.search(schema.get("pattern", ""), value) is not None
    except re.error:
        return True


def _number(schema: dict[str, Any], value: float) -> bool:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    if value <= schema.get("exclusiveMinimum", value - 1) or value >= schema.get(
        "exclusiveMaximum", value + 1
    ):
        return False
    step = schema.get("multipleOf")
    return not step or abs(value / step - round(value / step)) < 1e-9


def _array(schema: dict[str, Any], value: list[Any], root: dict[str, Any], depth: int) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    if schema.get("uniqueItems") and any(_same(a, b) for place, a in enumerate(value) for b in value[:place]):
        return False
    first = schema.get("prefixItems", ())
    if not all(accepts(s, item, root, depth + 1) for s, item in zip(first, value, strict=False)):
        return False
    if not all(accepts(schema.get("items", True), item, root, depth + 1) for item in value[len(first) :]):
        return False
    wanted = schema.get("contains")
    return wanted is None or any(accepts(wanted, item, root, depth + 1) for item in value)


def _object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any], depth: int) -> bool:
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        return False
    if not all(name in value for name in schema.get("required", ())):
        return False
    for name, needed in schema.get("dependentRequired", {}).items():
        if name in value and not all(other in value for other in needed):
            return False
    names = schema.get("propertyNames", True)
    return all(
        accepts(names, name, root, depth + 1)
        and all(accepts(part, item, root, depth + 1) for part in _for_property(schema, name))
        for name, item in value.items()
    )


def _for_property(schema: dict[str, Any], name: str) -> list[Any]:
    """All schemas that speak about the property `name`."""
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [
        part for pattern, part in schema.get("patternProperties", {}).items() if re.search(pattern, name)
    ]
    return found or [schema.get("additionalProperties", True)]


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
    if kind == "number":
        return not isinstance(value, bool) and isinstance(value, int | float)
    types: dict[str, type[Any]] = {
        "string": str,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    return kind not in types or isinstance(value, types[kind])


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
