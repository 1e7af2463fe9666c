"""A call's arguments: JSON text in the canonical turn, an object in this dialect."""

from typing import Any

import msgspec


def arguments_text(value: Any) -> str:
    """JSON text of a call's input, which some hosts and clients have as text already."""
    if isinstance(value, str):
        return value or "{}"
    return msgspec.json.encode({} if value is None else value).decode()
