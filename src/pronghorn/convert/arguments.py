"""A call's arguments: JSON text in the canonical turn, an object in some dialects."""

import json
from typing import Any

import msgspec

from pronghorn.convert.turn import Json


def as_object(arguments: str) -> Json:
    """The object that JSON text of arguments says; what is none is kept as `_raw`."""
    if not arguments.strip():
        return {}
    try:
        value = decoded(arguments)
    except (ValueError, RecursionError):
        return {"_raw": arguments}
    return value if isinstance(value, dict) else {"_raw": arguments}


def decoded(text: str) -> Any:
    """As models write it: with line ends inside of strings, or with halves of characters. Raises `ValueError`."""
    try:
        return msgspec.json.decode(text)
    except ValueError:
        found = json.dumps(json.loads(text, strict=False), ensure_ascii=False, allow_nan=False)
        return msgspec.json.decode(found.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
