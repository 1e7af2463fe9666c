"""The head is good, and what follows is no answer: whatever goes wrong before the first content can be mended."""

import gzip
import json
from typing import Any

from tests.failover.scenario import HASTY, STREAM, WHOLE, Asked, Charged, Place, Scenario, Script, Then
from tests.failover.words import (
    BROKEN,
    END,
    PING,
    answers,
    content,
    ending,
    events,
    failure,
    limited,
    lines,
    opened,
    opening,
    says,
    word,
)
from tests.faults.dialects import DIALECTS, streaming, typed
from tests.faults.upstream import STREAM_HEAD, End, Step, chunk, whole

_LINE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_OTHER = {"chat": "messages", "messages": "chat", "responses": "generate", "generate": "responses"}
MAX_ANSWER_BYTES = 2**20
_BOMB = gzip.compress(b" " * 8 * MAX_ANSWER_BYTES)


def _body(asked: Asked) -> bytes:
    return json.dumps(asked.dialect.whole).encode()


def _sized(change: int, *then: Step) -> Script:
    """A good answer whose length is not the one it is said to have."""

    def script(asked: Asked) -> tuple[Step, ...]:
        body = _body(asked)
        return _LINE + b"content-length: %d\r\n\r\n" % (len(body) + change) + body, *then

    return script


def _half(asked: Asked) -> tuple[Step, ...]:
    return whole(_body(asked)[:-20])


def _odd_chunks(asked: Asked) -> tuple[Step, ...]:
    return _LINE + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + _body(asked), End.CLOSE


def _cut_body(then: Step) -> Script:
    return lambda asked: (whole(asked.dialect.whole)[0][:-20], then)


def _of_another_dialect(asked: Asked) -> tuple[Step, ...]:
    other = DIALECTS[_OTHER[asked.dialect.name]]
    return (*streaming(*other.events), END) if asked.is_stream else whole(other.whole)


def _bare_to_reset(asked: Asked) -> tuple[Step, ...]:
    """Without a length only a proper end of the connection is the end."""
    return _LINE + b"\r\n" + _body(asked), End.RESET


_ANSWERS: dict[str, Script] = {
    "a web page": answers(b"<html>busy</html>", "text/html"),
    "a web page that is said to be JSON": answers(b"<html>busy</html>"),
    "an error under status 200": answers({"error": {"message": "no", "type": "x", "code": 500}}),
    "nothing": answers(b""),
    "a list": answers([1]),
    "an object of no format": answers({"ok": True}),
    "what would be right in another format": _of_another_dialect,
    "half of its JSON": _half,
    "a gzip bomb": answers(_BOMB, headers="content-encoding: gzip\r\n"),
    "a body in a compression that nobody asked for": answers(b"\x28", headers="content-encoding: zstd\r\n"),
}
_BODIES: dict[str, Script] = {
    "resets in the middle of the answer": _cut_body(End.RESET),
    "closes in the middle of the answer": _cut_body(End.CLOSE),
    "promises more bytes than it sends": _sized(5, End.CLOSE),
    "promises fewer bytes than it sends": _sized(-5),
    "sends a chunk whose size is no number": _odd_chunks,
    "resets at the end of an answer without a length": _bare_to_reset,
}
_STREAMS: dict[str, Script] = {
    "resets after the head": says(STREAM_HEAD, End.RESET),
    "closes after the head": says(STREAM_HEAD, End.CLOSE),
    "ends cleanly without an event": says(STREAM_HEAD, END),
    "ends cleanly after comments": events(PING, PING),
    "ends cleanly after 100 comments": events(*[PING] * 100),
    "resets after the opening": opened(End.RESET),
    "closes after the opening": opened(End.CLOSE),
    "ends cleanly after the opening": opened(END),
    "closes in the first word": opened(lambda asked: [word(asked)[:-8]], End.CLOSE),
    "ends cleanly in the first word": opened(lambda asked: [word(asked)[:-8]], END),
    "begins with an error event": events(failure),
    "sends an error event after the opening": events(opening, failure, content, ending),
    "begins with a rate limit as an event": events(limited, content, ending),
    "begins with a malformed event": events(BROKEN, opening, content, ending),
    "sends a malformed event after the opening": events(opening, BROKEN, content, ending),
    "sends an event that is a number": events(opening, b"data: 7\n\n", content, ending),
    "sends bytes that are no text": events(opening, b"data: \xff\xfe{}\n\n", content, ending),
    "sends only `[DONE]`": events(b"data: [DONE]\n\n"),
    "sends a chunk size that is no number": opened(b"zz\r\n", End.CLOSE),
    "calls its stream a web page": lambda asked: whole(b"".join(asked.dialect.events), kind="text/html"),
}


def _huge(size: int) -> Script:
    """An event of that size that never ends, in which there could be the first word."""
    pieces = [chunk(b"a" * 2**18)] * (size // 2**18)
    return says(STREAM_HEAD, chunk(b'data: {"x":"'), *pieces, END)


_SILENT: dict[str, Script] = {
    "falls silent after the head": says(STREAM_HEAD, End.SILENT),
    "falls silent after the opening": opened(End.SILENT),
}


def _without_words(document: Any) -> Any:
    return json.loads(json.dumps(document).replace("one two", ""))


def _empty(asked: Asked) -> tuple[Step, ...]:
    """A proper answer, whole or streamed, in which nothing is said."""
    dialect = asked.dialect
    if not asked.is_stream:
        return whole(_without_words(dialect.whole))
    said = [event.replace(b"one two", b"") for event in dialect.ending]
    return (*streaming(*dialect.opening, *said), END)


def _patient(asked: Asked) -> tuple[Step, ...]:
    dialect = asked.dialect
    return (*streaming(*[PING] * 20, *dialect.opening, *[PING] * 20, *dialect.content, *dialect.ending), END)


SCENARIOS = [
    *[
        Scenario(
            f"answers with {name}",
            Place.FIRST_EVENT,
            Then.NEXT,
            (script,),
            settings={"max_answer_bytes": MAX_ANSWER_BYTES},
        )
        for name, script in _ANSWERS.items()
    ],
    *[
        Scenario(name, Place.FIRST_EVENT, Then.NEXT, (script,), streamed=WHOLE)
        for name, script in _BODIES.items()
    ],
    *[
        Scenario(name, Place.FIRST_EVENT, Then.NEXT, (script,), streamed=STREAM)
        for name, script in _STREAMS.items()
    ],
    Scenario(
        "sends a first event of 1 MB that never ends",
        Place.FIRST_EVENT,
        Then.NEXT,
        (_huge(2**20),),
        streamed=STREAM,
    ),
    Scenario(
        "sends a first event of more than 16 MB",
        Place.FIRST_EVENT,
        Then.NEXT,
        (_huge(17 * 2**20),),
        streamed=STREAM,
        pairs=(("chat", "chat"),),  # it costs a second, and events are cut out before their format matters
    ),
    Scenario(
        "begins with a response that has failed",
        Place.FIRST_EVENT,
        Then.NEXT,
        (events(lines(typed("response.failed", response={"id": "r", "status": "failed"}))),),
        streamed=STREAM,
        vendors=("responses",),
    ),
    Scenario(
        "falls silent in the middle of the answer",
        Place.FIRST_EVENT,
        Then.NEXT,
        (_cut_body(End.SILENT),),
        streamed=WHOLE,
        causes=("upstream_timeout",),
        settings=HASTY,
    ),
    *[
        Scenario(
            name,
            Place.FIRST_EVENT,
            Then.NEXT,
            (script,),
            streamed=STREAM,
            causes=("upstream_timeout",),
            settings=HASTY,
        )
        for name, script in _SILENT.items()
    ],
    Scenario(
        "answers properly, and says nothing in it",
        Place.FIRST_EVENT,
        Then.STANDS,
        (_empty,),
        text="",
        charged=Charged.NOTHING,
    ),
    Scenario(
        "sends comments before and between", Place.FIRST_EVENT, Then.STANDS, (_patient,), streamed=STREAM
    ),
    Scenario(
        "answers whole where a stream was asked for",
        Place.FIRST_EVENT,
        Then.STANDS,
        (lambda asked: whole(asked.dialect.whole),),
        streamed=STREAM,
    ),
    Scenario(
        "calls its JSON plain text",
        Place.FIRST_EVENT,
        Then.STANDS,
        (lambda asked: whole(asked.dialect.whole, kind="text/plain"),),
        streamed=WHOLE,
    ),
]
