"""A response as it is remembered, and the events that tell of it."""

from typing import Any

import msgspec

from pronghorn.kit import sse

Json = dict[str, Any]

ENDED = ("completed", "incomplete", "failed", "cancelled")
LAST = ("response.completed", "response.incomplete", "response.failed")


class Kept(msgspec.Struct):
    """One response as it is remembered."""

    response: Json
    input: list[Any]
    """The caller's items, each with an id."""
    context: list[Any]
    """What a following turn begins with: everything said so far, this answer included."""
    life: str = ""
    """The server's life in which it runs in the background; in another one it does not run any more."""
    events: list[str] = msgspec.field(default_factory=list)
    """What it was streamed as in the background, for those who come back for the rest."""


class Memory(msgspec.Struct):
    """What a turn was made of, until its answer is there."""

    given: list[Any]
    before: list[Any]
    previous: str | None


def event_of(event: bytes) -> Json | None:
    try:
        found = msgspec.json.decode(sse.data_of(event) or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("type"), str) else None


def rendered(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event))


def failure(message: str) -> Json:
    return {"status": "failed", "error": {"code": "server_error", "message": message}}
