"""All of the answer has come, or all but its end: what has ended is not undone, what has not did not succeed."""

import json
from typing import Any

from tests.failover.scenario import HASTY, STREAM, WHOLE, Asked, Charged, Place, Scenario, Script, Then
from tests.failover.words import BROKEN, END, ended, lines, well
from tests.faults.dialects import bare, streaming
from tests.faults.upstream import End, Step, chunk, whole

_COUNTS = frozenset(("usage", "usageMetadata"))


def _uncounted(document: Any) -> Any:
    if isinstance(document, list):
        return [_uncounted(item) for item in document]
    if isinstance(document, dict):
        return {name: _uncounted(value) for name, value in document.items() if name not in _COUNTS}
    return document


def _without_counts(event: bytes) -> bytes:
    head, mark, data = event.partition(b"data: ")
    return event if not mark or data.startswith(b"[DONE]") else head + bare(_uncounted(json.loads(data)))


def _counts_nothing(asked: Asked) -> tuple[Step, ...]:
    if not asked.is_stream:
        return whole(_uncounted(asked.dialect.whole))
    return (*streaming(*map(_without_counts, asked.dialect.events)), END)


def _without_blank_line(asked: Asked) -> tuple[Step, ...]:
    *first, last = asked.dialect.events
    return (*streaming(*first, last.rstrip()), END)


def _without_framing(asked: Asked) -> tuple[Step, ...]:
    """The end of the connection is the end of the answer."""
    kind = b"text/event-stream" if asked.is_stream else b"application/json"
    said = asked.dialect.events if asked.is_stream else [json.dumps(asked.dialect.whole).encode()]
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n\r\n" % kind, *said, End.CLOSE


def _all_but_the_last(then: Step) -> Script:
    def script(asked: Asked) -> tuple[Step, ...]:
        dialect = asked.dialect
        begun = streaming(*dialect.opening, *dialect.content)
        return (*begun, asked.passed, *map(chunk, dialect.ending[:-1]), then)

    return script


_AFTER_THE_END: dict[str, Script] = {
    "resets": ended(End.RESET),
    "closes without an end of its body": ended(End.CLOSE),
    "sends a malformed event": ended(lines(BROKEN), END),
    "sends a chunk size that is no number": ended(b"zz\r\n", End.CLOSE),
    "sends a second answer that nobody asked for": ended(END, b"HTTP/1.1 200 OK\r\n\r\n"),
}
_CUT: dict[str, Step] = {"ends cleanly": END, "resets": End.RESET}


def _unfinished(name: str, then: Step, vendors: tuple[str, ...], charged: Charged) -> Scenario:
    return Scenario(
        name,
        Place.END,
        Then.BROKEN_OFF,
        (_all_but_the_last(then),),
        reason="upstream_truncated",
        streamed=STREAM,
        vendors=vendors,
        charged=charged,
    )


SCENARIOS = [
    *[
        Scenario(f"{name} after the terminal event", Place.END, Then.STANDS, (script,), streamed=STREAM)
        for name, script in _AFTER_THE_END.items()
    ],
    Scenario(
        "falls silent after the terminal event",
        Place.END,
        Then.STANDS,
        (ended(End.SILENT),),
        streamed=STREAM,
        settings=HASTY,
    ),
    Scenario(
        "sends more bytes after its answer",
        Place.END,
        Then.STANDS,
        (lambda asked: (*well(asked), b"HTTP/1.1 200 OK\r\n\r\n"),),
        streamed=WHOLE,
    ),
    Scenario(
        "ends its last event without a blank line",
        Place.END,
        Then.STANDS,
        (_without_blank_line,),
        streamed=STREAM,
    ),
    Scenario("ends its answer with the connection", Place.END, Then.STANDS, (_without_framing,)),
    Scenario("counts nothing", Place.END, Then.STANDS, (_counts_nothing,), charged=Charged.OURS),
    *[
        _unfinished(f"{name} with a finish reason and without `[DONE]`", then, ("chat",), Charged.VENDOR)
        for name, then in _CUT.items()
    ],
    *[
        _unfinished(
            f"{name} with a stop reason and without `message_stop`", then, ("messages",), Charged.VENDOR
        )
        for name, then in _CUT.items()
    ],
    *[
        _unfinished(f"{name} without `response.completed`", then, ("responses",), Charged.OURS)
        for name, then in _CUT.items()
    ],
]
