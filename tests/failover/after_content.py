"""The caller has a part of the answer. Nobody may go on with it, so the end must be one that shows."""

from typing import Any

from tests.failover.scenario import HASTY, STREAM, Charged, Place, Scenario, Script, Then
from tests.failover.words import BROKEN, END, WORD, Events, after, content, ending, failure, limited, lines
from tests.faults.dialects import typed
from tests.faults.upstream import End, Step

_REST: tuple[Step | Events, ...] = (content, ending, END)
_WAYS: dict[str, tuple[tuple[Step | Events, ...], str]] = {
    "resets": ((End.RESET,), "upstream_truncated"),
    "closes": ((End.CLOSE,), "upstream_truncated"),
    "ends cleanly without a terminal event": ((END,), "upstream_truncated"),
    "ends cleanly in the middle of an event": (
        (lambda asked: [asked.dialect.content[1][:-8]], END),
        "upstream_truncated",
    ),
    "sends a malformed event": ((lines(BROKEN), *_REST), "upstream_error"),
    "sends bytes that are no text": ((lines(b"data: \xff\xfe{}\n\n"), *_REST), "upstream_error"),
    "sends an error event": ((failure, *_REST), "upstream_error"),
    "sends a rate limit as an event": ((limited, *_REST), "upstream_error"),
    "sends a chunk size that is no number": ((b"zz\r\n", *_REST), "upstream_error"),
}


def _broken(name: str, words: int, script: Script, reason: str, **more: Any) -> Scenario:
    place = "the first word" if words == 1 else f"{words} words"
    return Scenario(
        f"{name} after {place}",
        Place.AFTER_CONTENT,
        Then.BROKEN_OFF,
        (script,),
        reason=reason,
        streamed=STREAM,
        words=words,
        text=WORD * words,
        charged=Charged.OURS,
        **more,
    )


SCENARIOS = [
    _broken(name, words, after(words, *then), reason)
    for words in (1, 40)
    for name, (then, reason) in _WAYS.items()
]
SCENARIOS += [
    _broken(
        "falls silent",
        words,
        after(words, End.SILENT),
        "upstream_timeout",
        kind="vendor slow",
        settings=HASTY,
    )
    for words in (1, 40)
]
SCENARIOS.append(
    _broken(
        "says that the response has failed",
        1,
        after(1, lines(typed("response.failed", response={"id": "r", "status": "failed"})), END),
        "upstream_error",
        vendors=("responses",),
    )
)
