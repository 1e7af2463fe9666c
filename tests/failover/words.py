"""What a vendor may do on its socket, in any dialect: the words that the scenarios are written in."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.failover.scenario import Asked, Script
from tests.faults.dialects import bare, error_body, error_event, streaming, typed
from tests.faults.upstream import LAST_CHUNK, Step, chunk, stream, whole

WORD = " owl"
"""What a stream says over and over until it breaks off: one token each time."""
BROKEN = b"data: {broken\n\n"
PING = b": a comment\n\n"

Events = Callable[[Asked], Sequence[bytes]]


def says(*steps: Step) -> Script:
    """The same whatever was asked."""
    return lambda _: steps


def answers(document: Any, kind: str = "application/json", headers: str = "") -> Script:
    return says(*whole(document, kind=kind, headers=headers))


def status(line: str, headers: str = "", body: Any = None) -> Script:
    """A refusal in the words of the vendor's dialect, or with a body of no dialect."""

    def script(asked: Asked) -> Sequence[Step]:
        said = error_body(asked.dialect.name, "`top_p` is too odd", int(line[:3])) if body is None else body
        return whole(said, line, headers=headers)

    return script


def well(asked: Asked) -> Sequence[Step]:
    return stream(*asked.dialect.events) if asked.is_stream else whole(asked.dialect.whole)


def events(*found: bytes | Events) -> Script:
    """A stream of these events, cleanly ended."""
    return lambda asked: stream(*_all(asked, found))


def opened(*then: Step | Events) -> Script:
    """The beginning of a stream, without content, and then this."""
    return lambda asked: (*streaming(*asked.dialect.opening), *_steps(asked, then))


def after(words: int, *then: Step | Events) -> Script:
    """A stream that goes on so once the caller has got some words of it."""

    def script(asked: Asked) -> Sequence[Step]:
        begun = streaming(*asked.dialect.opening, *[word(asked)] * words)
        return (*begun, asked.passed, *_steps(asked, then))

    return script


def ended(*then: Step | Events) -> Script:
    """A whole stream up to its terminal event, and then this."""

    def script(asked: Asked) -> Sequence[Step]:
        dialect = asked.dialect
        content = streaming(*dialect.opening, *dialect.content)
        return (*content, asked.passed, *map(chunk, dialect.ending), *_steps(asked, then))

    return script


def _all(asked: Asked, found: Sequence[bytes | Events]) -> list[bytes]:
    return [event for one in found for event in ([one] if isinstance(one, bytes) else one(asked))]


def _steps(asked: Asked, then: Sequence[Any]) -> list[Step]:
    """Events as chunks of the body; everything else as it is."""
    found: list[Step] = []
    for step in then:
        found += map(chunk, step(asked)) if callable(step) else [step]
    return found


# Events, in the vendor's dialect


def opening(asked: Asked) -> Sequence[bytes]:
    return asked.dialect.opening


def content(asked: Asked) -> Sequence[bytes]:
    return asked.dialect.content


def ending(asked: Asked) -> Sequence[bytes]:
    return asked.dialect.ending


def word(asked: Asked) -> bytes:
    return asked.dialect.content[0].replace(b'"one"', json.dumps(WORD).encode())


def failure(asked: Asked) -> Sequence[bytes]:
    """An event that is an error."""
    return [error_event(asked.dialect.name)]


def limited(asked: Asked) -> Sequence[bytes]:
    """An event that is what elsewhere is a 429."""
    words = {"message": "Too many requests", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    found = {
        "chat": bare({"error": words}),
        "messages": typed("error", error={"type": "rate_limit_error", "message": "Too many requests"}),
        "responses": typed("error", code="rate_limit_exceeded", message="Too many requests", param=None),
        "generate": bare({"error": {"code": 429, "message": "Slow", "status": "RESOURCE_EXHAUSTED"}}),
    }
    return [found[asked.dialect.name]]


def lines(*found: bytes) -> Events:
    """Events of no dialect."""
    return lambda _: found


END = LAST_CHUNK
