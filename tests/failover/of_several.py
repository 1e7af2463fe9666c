"""More than one channel fails, or one credential of a pool."""

from typing import Any

from tests.failover import addresses
from tests.failover.at_headers import limited_until
from tests.failover.scenario import HASTY, STREAM, Charged, Place, Scenario, Script, Then
from tests.failover.words import BROKEN, END, events, opened, opening, says, status
from tests.faults.upstream import STREAM_HEAD, End

_FAILED = ("upstream_error", "upstream_error")
_LIMITED = ("rate_limit_exceeded", "rate_limit_exceeded")
_SLOW = ("upstream_timeout", "upstream_timeout")

_PATIENT = {"retries": 1}
"""All channels are asked once more before the caller hears of it."""


def _refused(name: str, *fails: Script, **more: Any) -> Scenario:
    """There is no channel that is well; the caller gets the last error."""
    known: dict[str, Any] = {"causes": _FAILED, "reason": "upstream_error", "charged": Charged.NOTHING}
    return Scenario(name, Place.SEVERAL, Then.REFUSED, fails, **(known | more))


def _limited(name: str, script: Script, retry_after: range | None, rests: range) -> Scenario:
    limits: dict[str, Any] = {"causes": _LIMITED, "kind": "vendor limited"}
    return _refused(f"both limit us, {name}", script, script, retry_after=retry_after, rests=rests, **limits)


def _next(name: str, *fails: Script, **more: Any) -> Scenario:
    return Scenario(name, Place.SEVERAL, Then.NEXT, fails, **({"causes": _FAILED} | more))


def _pool(name: str, line: str, cause: str) -> Scenario:
    title = f"the first credential of a pool is answered {name}"
    return Scenario(title, Place.SEVERAL, Then.POOL, (status(line),), causes=(cause,))


SCENARIOS = [
    Scenario(
        "both answer 500, and one recovers at once",
        Place.SEVERAL,
        Then.AGAIN,
        (status("500 Oops"), status("500 Oops")),
        causes=_FAILED,
        settings=_PATIENT,
    ),
    _refused("both answer 500, twice", *[status("500 Oops")] * 2, rounds=2, settings=_PATIENT),
    _refused("both refuse the connection", unreachable=(addresses.refuses, addresses.refuses)),
    _refused("one answers 500, one 503", status("500 Oops"), status("503 Busy")),
    _refused("both refuse the credential", status("401 No"), status("403 No")),
    _refused(
        "one answers 500, one limits us for 30 seconds",
        status("500 Oops"),
        status("429 Slow", "retry-after: 30\r\n"),
        causes=(_FAILED[0], _LIMITED[0]),
        kind="vendor limited",
        retry_after=range(30, 31),
    ),
    _limited("and say nothing of when", status("429 Slow"), None, range(1, 2)),
    _limited("for 30 seconds", status("429 Slow", "retry-after: 30\r\n"), range(30, 31), range(29, 31)),
    _limited("until a date in 30 seconds", limited_until, range(25, 32), range(25, 32)),
    _limited(
        "for 30 years", status("429 Slow", "retry-after: 1000000000\r\n"), range(3600, 3601), range(59, 61)
    ),
    _refused(
        "both say nothing",
        *[says(End.SILENT)] * 2,
        causes=_SLOW,
        reason="upstream_timeout",
        kind="vendor slow",
        settings=HASTY,
    ),
    _refused(
        "both break off before content",
        *[opened(End.RESET)] * 2,
        reason="upstream_truncated",
        streamed=STREAM,
    ),
    _refused("both begin nonsense", *[events(opening, BROKEN)] * 2, streamed=STREAM),
    Scenario(
        "one answers 500, one 400 about the request",
        Place.SEVERAL,
        Then.FINAL,
        (status("500 Oops"), status("400 Bad")),
        causes=("upstream_error", "invalid_request_error"),
        reason="client_error",
        status=400,
        charged=Charged.NOTHING,
    ),
    _next("one answers 500, one resets, one is well", status("500 Oops"), says(End.RESET)),
    _next(
        "one limits us, one refuses the credential, one is well",
        status("429 Slow"),
        status("401 No"),
        causes=(_LIMITED[0], _FAILED[0]),
    ),
    _next(
        "one refuses the connection, one ends without content, one is well",
        says(STREAM_HEAD, END),
        unreachable=(addresses.refuses,),
        streamed=STREAM,
    ),
    _next(
        "one says nothing, one answers with a web page, one is well",
        says(End.SILENT),
        status("200 OK", body=b"<html>"),
        causes=("upstream_timeout", "upstream_error"),
        settings=HASTY,
    ),
    _pool("401", "401 No", "upstream_error"),
    _pool("402", "402 Pay", "upstream_error"),
    _pool("429", "429 Slow", "rate_limit_exceeded"),
]
