"""A call's arguments: JSON text in the canonical turn, an object in this dialect."""

from typing import Any

import msgspec

from pronghorn.convert.turn import Json


def arguments_text(value: Any) -> str:
    """JSON text of a call's input, which some hosts and clients have as text already."""
    if isinstance(value, str):
        return value or "{}"
    return msgspec.json.encode({} if value is None else value).decode()


def as_object(arguments: str) -> Json:
    """The object that JSON text of arguments says; what is none is kept as `_raw`."""
    if not arguments.strip():
        return {}
    try:
        value = msgspec.json.decode(arguments)
    except (ValueError, RecursionError):
        return {"_raw": arguments}
    return value if isinstance(value, dict) else {"_raw": arguments}
