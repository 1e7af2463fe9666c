"""Tools that take free text, for vendors whose tools only take objects: the text becomes the one string `input`."""

from typing import Any

from pronghorn.convert.arguments import decoded

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


def wrap(text: str) -> dict[str, Any]:
    return {"input": text}


def unwrap(arguments: str) -> str:
    """The text that is meant; what is not of that shape is the text itself."""
    try:
        value = decoded(arguments)
    except (ValueError, RecursionError):
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
