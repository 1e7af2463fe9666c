"""Faults on demand: `x-pronghorn-simulate` says what goes wrong, this module reads it; `reply` makes it go wrong.

Grammar: comma-separated `status=CODE[/TIMES]`, `delay=DURATION`, `cut-after=EVENTS`, `end-after=EVENTS`,
`stall=EVENTS:DURATION`, `drip=BYTES/s`, `malformed=EVENT`, `length=wrong`, `usage=none|absurd`,
`task=fail|stuck|moderated`, `speed=FACTOR`, `answer=html|error|empty|other` (a status of 200 and no answer),
`flap=CODE:FAILURES/SUCCESSES` (of the requests with one key, in turn). Durations are `500ms`, `5s`, `2m`.
Events count from 1.
A model called `sandbox-503` (any status) fails with that status, for clients that cannot set headers.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from pronghorn.sandbox.errors import Handler, SandboxError

MAX_REMEMBERED = 10_000
MAX_DURATION_S = 600.0
HEADER = "x-pronghorn-simulate"

_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_DURATION = re.compile(rf"({_NUMBER})(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_STATUS = re.compile(r"([345]\d\d)(?:/([1-9]\d{0,5}))?")
_FLAP = re.compile(r"([345]\d\d):([1-9]\d{0,5})/([1-9]\d{0,5})")
_STALL = re.compile(r"([1-9]\d{0,8}):(.+)")
_DRIP = re.compile(rf"({_NUMBER})/s")
_COUNT = re.compile(r"[1-9]\d{0,8}")
_MAGIC_MODEL = re.compile(r"sandbox-([45]\d\d)")

CODES = {
    401: "invalid_api_key",
    403: "unsupported_country_region_territory",
    404: "model_not_found",
    429: "rate_limit_exceeded",
    503: "slow_down",
}


@dataclass(slots=True)
class Faults:
    """What one answer has to suffer. Zero or empty: nothing."""

    status: int = 0
    times: int = 0
    answer: str = ""
    flap_status: int = 0
    flap_failures: int = 0
    flap_successes: int = 0
    delay_s: float = 0.0
    cut_after: int = 0
    end_after: int = 0
    stall_after: int = 0
    stall_s: float = 0.0
    drip_bytes_per_s: float = 0.0
    malformed: int = 0
    has_wrong_length: bool = False
    usage: str = ""
    task: str = ""
    speed: float = 0.0


class Seen:
    """How often a request with `status=CODE/TIMES` came: the first TIMES fail, the retries after them succeed."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def count(self, request: bytes) -> int:
        """How often it has come, this time included; the longest unseen are forgotten."""
        self._counts[request] = times = self._counts.pop(request, 0) + 1
        if len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)
        return times


FAULTS = web.RequestKey("faults", Faults)
SEEN = web.AppKey("seen", Seen)

NO_ANSWERS = {
    "html": ("text/html", b"<html><body>Welcome to our network. Please log in.</body></html>"),
    "error": ("application/json", b'{"error":{"message":"Simulated failure.","type":"server_error"}}'),
    "empty": ("application/json", b""),
    "other": ("application/json", b'{"status":"ok"}'),
}
"""What comes with a status of 200 and is none of any dialect's answers."""

_Setter = Callable[[Faults, str], None]


def parse(text: str) -> Faults:
    """Raises `SandboxError` that names the part it cannot read."""
    faults = Faults()
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            _SETTERS[name](faults, value)
        except (KeyError, ValueError) as error:
            raise SandboxError(
                f"{HEADER}: {part!r} is not understood; see the sandbox's page in the docs", param=HEADER
            ) from error
    return faults


def duration_s(text: str) -> float:
    """Raises `ValueError`, for what is longer than ten minutes too."""
    match = _matched(_DURATION, text)
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_DURATION_S:
        raise ValueError(text)
    return seconds


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(text)
    return match


def _status(faults: Faults, value: str) -> None:
    match = _matched(_STATUS, value)
    faults.status, faults.times = int(match[1]), int(match[2] or 0)


def _flap(faults: Faults, value: str) -> None:
    code, failures, successes = _matched(_FLAP, value).groups()
    faults.flap_status, faults.flap_failures, faults.flap_successes = int(code), int(failures), int(successes)


def _stall(faults: Faults, value: str) -> None:
    match = _matched(_STALL, value)
    faults.stall_after, faults.stall_s = int(match[1]), duration_s(match[2])


def _drip(faults: Faults, value: str) -> None:
    faults.drip_bytes_per_s = _above_zero(_matched(_DRIP, value)[1])


def _delay(faults: Faults, value: str) -> None:
    faults.delay_s = duration_s(value)


def _speed(faults: Faults, value: str) -> None:
    faults.speed = _above_zero(_matched(re.compile(_NUMBER), value)[0])


def _above_zero(text: str) -> float:
    number = float(text)
    if not number:
        raise ValueError(text)
    return number


def _length(faults: Faults, value: str) -> None:
    if value != "wrong":
        raise ValueError(value)
    faults.has_wrong_length = True


def _one_of(name: str, *allowed: str) -> _Setter:
    def set_it(faults: Faults, value: str) -> None:
        if value not in allowed:
            raise ValueError(value)
        setattr(faults, name, value)

    return set_it


def _count(name: str) -> _Setter:
    def set_it(faults: Faults, value: str) -> None:
        setattr(faults, name, int(_matched(_COUNT, value)[0]))

    return set_it


_SETTERS: dict[str, _Setter] = {
    "status": _status,
    "delay": _delay,
    "cut-after": _count("cut_after"),
    "end-after": _count("end_after"),
    "stall": _stall,
    "drip": _drip,
    "malformed": _count("malformed"),
    "length": _length,
    "usage": _one_of("usage", "none", "absurd"),
    "task": _one_of("task", "fail", "stuck", "moderated"),
    "speed": _speed,
    "answer": _one_of("answer", *NO_ANSWERS),
    "flap": _flap,
}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    header = request.headers.get(HEADER, "")
    faults = request[FAULTS] = parse(header)
    if faults.delay_s:
        await asyncio.sleep(faults.delay_s)
    if faults.status and (not faults.times or await _is_among_first(request, header, faults.times)):
        raise simulated_error(faults.status)
    if faults.flap_status and _is_down(request, header, faults):
        raise simulated_error(faults.flap_status)
    if faults.answer:
        kind, body = NO_ANSWERS[faults.answer]
        await request.read()
        return web.Response(body=body, content_type=kind)
    return await handler(request)


def _is_down(request: web.Request, header: str, faults: Faults) -> bool:
    """Down for some requests, then up for some, then down again."""
    same = hashlib.sha256(
        "\0".join(("flap", header, *_credentials(request))).encode("utf-8", "surrogateescape")
    )
    count = request.app[SEEN].count(same.digest()) - 1
    return count % (faults.flap_failures + faults.flap_successes) < faults.flap_failures


def _credentials(request: web.Request) -> list[str]:
    return [request.headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key")]


async def _is_among_first(request: web.Request, header: str, times: int) -> bool:
    """Requests are the same if header, credential, path and body are; a form's boundary differs from try to try."""
    body = await request.read()
    _, is_form, boundary = request.headers.get("content-type", "").partition("boundary=")
    if is_form:
        body = body.replace(boundary.strip('"').encode("latin-1", "replace"), b"")
    same = hashlib.sha256(body)
    for part in (header, *_credentials(request), request.path):
        same.update(b"\0" + part.encode("utf-8", "surrogateescape"))
    return request.app[SEEN].count(same.digest()) <= times


def simulated_error(status: int) -> SandboxError:
    return SandboxError(f"Simulated failure with status {status}.", status=status, code=CODES.get(status))


def check_magic_model(model: str) -> None:
    """Raises what the model's name asks for."""
    match = _MAGIC_MODEL.fullmatch(model)
    if match is not None:
        raise simulated_error(int(match[1]))
