"""Faults on demand: `x-pronghorn-simulate` says what goes wrong, this module makes it go wrong.

Grammar: comma-separated `status=CODE[/TIMES]`, `delay=DURATION`, `cut-after=EVENTS`, `end-after=EVENTS`,
`stall=EVENTS:DURATION`, `drip=BYTES/s`, `malformed=EVENT`, `length=wrong`, `usage=none|absurd`,
`task=fail|stuck|moderated`, `speed=FACTOR`. Durations are `500ms`, `5s`, `2m`. Events count from 1.
A model called `sandbox-503` (any status) fails with that status, for clients that cannot set headers.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from pronghorn.sandbox.errors import Handler, SandboxError

MAX_REMEMBERED = 10_000
MAX_DURATION_S = 600.0

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_MAGIC_MODEL = re.compile(r"sandbox-([45]\d\d)")

CODES = {
    400: None,
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
    speed: float = 1.0


FAULTS = web.RequestKey("faults", Faults)

_Setter = Callable[[Faults, str], None]


def parse(text: str) -> Faults:
    """Raises `SandboxError` that names the part it cannot read."""
    faults = Faults()
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            _SETTERS[name](faults, value)
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise SandboxError(
                f"x-pronghorn-simulate: {part!r} is not understood; see the sandbox's page in the docs",
                param="x-pronghorn-simulate",
            ) from error
    return faults


def duration_s(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return min(float(match[1]) * _SECONDS[match[2]], MAX_DURATION_S)


def _status(faults: Faults, value: str) -> None:
    code, _, times = value.partition("/")
    faults.status = int(code)
    faults.times = int(times) if times else 0
    if not 200 <= faults.status <= 599:
        raise ValueError(value)


def _stall(faults: Faults, value: str) -> None:
    events, _, length = value.partition(":")
    faults.stall_after, faults.stall_s = int(events), duration_s(length)


def _drip(faults: Faults, value: str) -> None:
    faults.drip_bytes_per_s = float(value.removesuffix("/s"))
    if faults.drip_bytes_per_s <= 0:
        raise ValueError(value)


def _one_of(name: str, *allowed: str) -> _Setter:
    def set_it(faults: Faults, value: str) -> None:
        if value not in allowed:
            raise ValueError(value)
        if name == "length":
            faults.has_wrong_length = True
        else:
            setattr(faults, name, value)

    return set_it


def _positive(name: str) -> _Setter:
    def set_it(faults: Faults, value: str) -> None:
        number = int(value)
        if number < 1:
            raise ValueError(value)
        setattr(faults, name, number)

    return set_it


def _delay(faults: Faults, value: str) -> None:
    faults.delay_s = duration_s(value)


def _speed(faults: Faults, value: str) -> None:
    faults.speed = 1.0 / (1.0 / float(value))
    if faults.speed <= 0:
        raise ValueError(value)


_SETTERS: dict[str, _Setter] = {
    "status": _status,
    "delay": _delay,
    "cut-after": _positive("cut_after"),
    "end-after": _positive("end_after"),
    "stall": _stall,
    "drip": _drip,
    "malformed": _positive("malformed"),
    "length": _one_of("length", "wrong"),
    "usage": _one_of("usage", "none", "absurd"),
    "task": _one_of("task", "fail", "stuck", "moderated"),
    "speed": _speed,
}

_seen: OrderedDict[tuple[str, str, bytes], int] = OrderedDict()
"""How often a request with `status=CODE/TIMES` came: the first TIMES fail, the retries after them succeed."""


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    header = request.headers.get("x-pronghorn-simulate", "")
    faults = request[FAULTS] = parse(header)
    if faults.delay_s:
        await asyncio.sleep(faults.delay_s)
    if faults.status and (not faults.times or await _is_among_first(request, header, faults.times)):
        raise simulated_error(faults.status)
    return await handler(request)


async def _is_among_first(request: web.Request, header: str, times: int) -> bool:
    multipart = request.content_type.startswith("multipart/")
    body = b"" if multipart else await request.read()  # a boundary differs from try to try
    same = (header, request.path, body)
    count = _seen[same] = _seen.pop(same, 0) + 1
    while len(_seen) > MAX_REMEMBERED:
        _seen.popitem(last=False)
    return count <= times


def simulated_error(status: int) -> SandboxError:
    return SandboxError(f"Simulated failure with status {status}.", status=status, code=CODES.get(status))


def check_magic_model(model: str) -> None:
    """Raises what the model's name asks for."""
    match = _MAGIC_MODEL.fullmatch(model)
    if match is not None:
        raise simulated_error(int(match[1]))
