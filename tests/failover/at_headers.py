"""The channel has the request, and fails before or with the head of its answer."""

from email.utils import formatdate
from time import time

from tests.failover.scenario import HASTY, Asked, Charged, Place, Scenario, Script, Then
from tests.failover.words import says, status, well
from tests.faults.dialects import error_body
from tests.faults.upstream import LAST_CHUNK, End, Step, chunk, whole

_LINE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def _head(lines: bytes) -> Script:
    """A good answer under a head with these lines."""

    def script(asked: Asked) -> tuple[Step, ...]:
        body = whole(asked.dialect.whole)[0].partition(b"\r\n\r\n")[2]
        return _LINE + lines.replace(b"SIZE", b"%d" % len(body)) + b"\r\n" + body, End.CLOSE

    return script


def _both_lengths(asked: Asked) -> tuple[Step, ...]:
    body = whole(asked.dialect.whole)[0].partition(b"\r\n\r\n")[2]
    framed = chunk(body) + LAST_CHUNK
    head = b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n" % len(framed)
    return _LINE + head + framed, End.CLOSE


_BROKEN: dict[str, Script] = {
    "resets the connection": says(End.RESET),
    "closes the connection": says(End.CLOSE),
    "breaks off in the status line": says(b"HTTP/1.1 20", End.CLOSE),
    "breaks off in the head": says(_LINE[:-10], End.RESET),
    "speaks another protocol": says(b"SSH-2.0-OpenSSH_9.9\r\n", End.CLOSE),
    "sends a storm of interim answers, then resets": says(
        b"HTTP/1.1 102 Processing\r\n\r\n" * 1_000, End.RESET
    ),
    "sends one interim answer, then resets": says(b"HTTP/1.1 103 Early Hints\r\n\r\n", End.RESET),
    "sends a header of 1 MB": _head(b"x-h: " + b"a" * 1_000_000 + b"\r\ncontent-length: SIZE\r\n"),
    "sends 10,000 headers": _head(b"x-h: 1\r\n" * 10_000 + b"content-length: SIZE\r\n"),
    "sends two lengths": _head(b"content-length: SIZE\r\ncontent-length: 3\r\n"),
    "sends a length and chunks": _both_lengths,
}
_SILENT: dict[str, Script] = {
    "says nothing": says(End.SILENT),
    "falls silent in the head": says(b"HTTP/1.1 200 OK\r\n", End.SILENT),
}


def limited_until(asked: Asked) -> tuple[Step, ...]:
    date = formatdate(time() + 30, usegmt=True)
    return whole(error_body(asked.dialect.name, "m", 429), "429 Slow", headers=f"retry-after: {date}\r\n")


def _redirect(asked: Asked) -> tuple[Step, ...]:
    return whole(b"", "307 Over there", headers=f"location: {asked.elsewhere}/v1/chat/completions\r\n")


_STATUSES: dict[str, tuple[Script, str]] = {
    "307 to another host": (_redirect, "upstream_error"),
    "401": (status("401 No"), "upstream_error"),
    "402": (status("402 Pay"), "upstream_error"),
    "403": (status("403 No"), "upstream_error"),
    "404 with a web page": (status("404 No", body=b"<html>"), "upstream_error"),
    "408": (status("408 Late"), "upstream_timeout"),
    "429": (status("429 Slow"), "rate_limit_exceeded"),
    "429 with seconds to wait": (status("429 Slow", "retry-after: 30\r\n"), "rate_limit_exceeded"),
    "429 with a date to wait for": (limited_until, "rate_limit_exceeded"),
    "429 with 30 years to wait": (status("429 Slow", "retry-after: 1000000000\r\n"), "rate_limit_exceeded"),
    "429 about a quota that is used up": (
        status("429 Slow", body={"error": {"message": "m", "code": "insufficient_quota"}}),
        "upstream_error",
    ),
    "500": (status("500 Oops"), "upstream_error"),
    "502 with a web page": (status("502 Bad", body=b"<html>"), "upstream_error"),
    "503": (status("503 Busy"), "upstream_error"),
    "504": (status("504 Late"), "upstream_timeout"),
    "529": (status("529 Busy"), "upstream_error"),
}
_FINAL = {400: "Bad", 404: "No", 409: "Clash", 413: "Large", 422: "Odd"}
_ABOUT_US: dict[str, tuple[str, str]] = {
    "messages": ("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "generate": ("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
}


def _about_us(asked: Asked) -> tuple[Step, ...]:
    word, message = _ABOUT_US[asked.dialect.name]
    return whole({"error": {"type": word, "status": word, "message": message}}, "400 Bad")


def _unknown_model(asked: Asked) -> tuple[Step, ...]:
    openai: dict[str, object] = {
        "message": "The model does not exist",
        "type": "invalid_request_error",
        "param": None,
    }
    said: dict[str, dict[str, object]] = {
        "chat": openai | {"code": "model_not_found"},
        "responses": openai | {"code": "model_not_found"},
        "messages": {"type": "not_found_error", "message": "model: theirs"},
        "generate": {"code": 404, "message": "models/theirs is not found", "status": "NOT_FOUND"},
    }
    return whole({"error": said[asked.dialect.name]}, "404 No")


def _final(name: str, code: int, script: Script) -> Scenario:
    return Scenario(
        name,
        Place.HEADERS,
        Then.FINAL,
        (script,),
        causes=("invalid_request_error",),
        reason="client_error",
        status=code,
        charged=Charged.NOTHING,
    )


SCENARIOS = [
    *[Scenario(name, Place.HEADERS, Then.NEXT, (script,)) for name, script in _BROKEN.items()],
    *[
        Scenario(name, Place.HEADERS, Then.NEXT, (script,), causes=("upstream_timeout",), settings=HASTY)
        for name, script in _SILENT.items()
    ],
    *[
        Scenario(f"answers {name}", Place.HEADERS, Then.NEXT, (script,), causes=(cause,))
        for name, (script, cause) in _STATUSES.items()
    ],
    Scenario(
        "answers 400 about the operator's account there",
        Place.HEADERS,
        Then.NEXT,
        (_about_us,),
        vendors=tuple(_ABOUT_US),
    ),
    *[
        _final(f"answers {code} about the request", code, status(f"{code} {said}"))
        for code, said in _FINAL.items()
    ],
    _final("answers 404, as it does not know the model", 404, _unknown_model),
    Scenario(
        "sends a few interim answers, then a good one",
        Place.HEADERS,
        Then.STANDS,
        (lambda asked: (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", *well(asked)),),
    ),
]
