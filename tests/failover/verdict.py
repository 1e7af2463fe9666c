"""What must have come of a run: for the caller, for the vendors, and in the log. Raises `AssertionError`."""

import json
import re
from typing import Any

from tests.failover.scenario import Charged, Then
from tests.failover.stage import OTHER_TEXT, Run, other_body, other_events
from tests.failover.words import PING
from tests.faults.dialects import (
    COST,
    assert_broken_off,
    assert_complete,
    assert_refused,
    read_error,
)
from tests.faults.raw import RawAnswer

INPUT, OUTPUT = 1_000, 2_000
"""Nano-dollars of one token."""
_MENDED = (Then.NEXT, Then.POOL, Then.AGAIN)
_VOLATILE = re.compile(rb'"created(?:_at)?":\d+|"model-[-\w]+"')
_BY_STATUS = {
    400: {"messages": "invalid_request_error", "generate": "INVALID_ARGUMENT"},
    404: {"messages": "not_found_error", "generate": "NOT_FOUND"},
    409: {"messages": "conflict_error", "generate": "ABORTED"},
    413: {"messages": "request_too_large", "generate": "INVALID_ARGUMENT"},
    422: {"messages": "invalid_request_error", "generate": "INVALID_ARGUMENT"},
}
"""The word of a refusal in dialects that have one for each status; the others take the vendor's own."""


def judge(run: Run, answer: RawAnswer, row: Any, healthy: RawAnswer) -> None:
    """`healthy` is what a caller gets who asks the channel that is well and no other."""
    then = run.scenario.then
    if then in _MENDED:
        _assert_same(answer, healthy)
    elif then is Then.STANDS:
        _assert_stands(run, answer)
    elif then is Then.FINAL:
        _assert_final(run, answer)
    elif then is Then.BROKEN_OFF:
        assert_broken_off(run.door, answer, run.scenario.kind, run.scenario.reason, run.scenario.text)
    else:
        assert_refused(run.door, answer, run.scenario.kind)
        _assert_told(answer, run.scenario.retry_after)
    _assert_asked(run)
    _assert_logged(run, answer, row)


def judge_rest(run: Run, answer: RawAnswer) -> None:
    """Asked again at once, nobody was called: the channels are left alone for as long as they said."""
    assert_refused(run.door, answer, "no channel")
    _assert_told(answer, run.scenario.rests)
    _assert_asked(run)


def judge_healthy(run: Run, answer: RawAnswer) -> None:
    dialect, is_stream = run.asked.dialect, run.asked.is_stream
    assert_complete(run.door, answer, is_stream=is_stream, text=OTHER_TEXT)
    if not run.is_converted:
        hides_usage = run.door == "chat"  # it was not asked for
        shown = [event for event in other_events(dialect) if not (hides_usage and b'"usage"' in event)]
        assert answer.body == (b"".join(shown) if is_stream else other_body(dialect))


def _assert_same(answer: RawAnswer, healthy: RawAnswer) -> None:
    """One clean answer, to the byte what it is without any failure."""
    assert (answer.status, answer.is_whole) == (200, True), answer.body[:500]
    assert _lasting(answer.body) == _lasting(healthy.body)


def _lasting(body: bytes) -> bytes:
    """Without comments, without the time, and without the name that a model has in one run."""
    return _VOLATILE.sub(b"", body.replace(PING, b""))


def _assert_stands(run: Run, answer: RawAnswer) -> None:
    is_stream = run.asked.is_stream
    if run.scenario.text or is_stream:
        assert_complete(run.door, answer, is_stream=is_stream, text=run.scenario.text)
    assert (answer.status, answer.is_whole) == (200, True)
    kind = "text/event-stream; charset=utf-8" if is_stream else "application/json"
    assert answer.header("content-type") == kind


def _assert_final(run: Run, answer: RawAnswer) -> None:
    """The vendor's own body, or at least its words."""
    status = run.scenario.status
    assert (answer.status, answer.is_whole) == (status, True), answer.body[:500]
    (sent,) = run.scenario.fails[-1](run.asked)
    assert isinstance(sent, bytes)
    body = sent.partition(b"\r\n\r\n")[2]
    if not run.is_converted:
        assert answer.body == body
        return
    said = json.loads(body)["error"]
    own_word = said["code"] if isinstance(said.get("code"), str) else said.get("status") or said["type"]
    word, message = read_error(run.door, answer.json())
    assert said["message"] in message
    assert word == _BY_STATUS[status].get(run.door, own_word)


def _assert_told(answer: RawAnswer, due: range | None) -> None:
    told = answer.header("retry-after")
    assert (told == "") if due is None else (told.isdigit() and int(told) in due), f"retry-after {told!r}"


def _assert_asked(run: Run) -> None:
    """Each vendor as often as it must be, all of them the same, and strangers never."""
    order, first = run.scenario.order, len(run.scenario.unreachable)
    for place, upstream in enumerate((*run.failing, run.good), first):
        assert len(upstream.seen) == order.count(place), f"channel {place}: {len(upstream.seen)} calls"
    assert run.stranger.seen == []
    bodies = {seen.body for upstream in (*run.failing, run.good) for seen in upstream.seen}
    assert len(bodies) <= 1, "not all were asked the same"


def _assert_logged(run: Run, answer: RawAnswer, row: Any) -> None:
    scenario = run.scenario
    assert (row.end_reason, row.status) == (scenario.reason, answer.status)
    assert row.is_stream == run.asked.is_stream
    causes = [attempt["error"] for attempt in row.attempts]
    if scenario.then in _MENDED:
        assert causes == [*scenario.causes, ""]
    elif scenario.then in (Then.FINAL, Then.REFUSED):
        assert causes == [*scenario.causes * scenario.rounds]
    assert [int(attempt["channel"].rpartition("_")[2]) for attempt in row.attempts] == scenario.order
    _assert_charged(run, row)


def _assert_charged(run: Run, row: Any) -> None:
    charged = run.scenario.charged
    if charged is Charged.NOTHING:
        assert row.cost == 0
        return
    if charged is Charged.VENDOR:
        assert row.cost == COST
    else:
        assert row.usage["is_estimated"]
        assert row.usage["output"] == len(run.scenario.text.split())
        assert row.usage["input"] > 0
        assert row.cost == row.usage["input"] * INPUT + row.usage["output"] * OUTPUT
    assert row.finish == ("truncated" if run.scenario.then is Then.BROKEN_OFF else "stop")
