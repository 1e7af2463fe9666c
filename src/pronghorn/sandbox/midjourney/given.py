"""What a submit says: its fields, its pictures, and the order that follows from them."""

import asyncio
import base64
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from pronghorn.sandbox import picture
from pronghorn.sandbox.faults import FAULTS
from pronghorn.sandbox.files import own_file
from pronghorn.sandbox.midjourney import prompt as prompts
from pronghorn.sandbox.midjourney.answers import BANNED, INVALID, QUEUE_FULL, Refused
from pronghorn.sandbox.midjourney.desk import DESK
from pronghorn.sandbox.midjourney.task import ACCOUNT, Order
from pronghorn.sandbox.midjourney.work import Size

Body = dict[str, Any]

MAX_STATE, MAX_HOOK, MAX_PICTURES = 255, 2_000, 20
BOTS = {
    "": "MID_JOURNEY",
    "MID_JOURNEY": "MID_JOURNEY",
    "MJ": "MID_JOURNEY",
    "NIJI_JOURNEY": "NIJI_JOURNEY",
    "NIJI": "NIJI_JOURNEY",
}
BANNED_WORD, FULL_WORDS, QUEUED_WORD = "bannedword", "queue full", "queued"
"""Magic words of prompts."""

_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class Picture(NamedTuple):
    """The bytes as they were sent."""

    data: bytes
    size: Size

    @property
    def content_type(self) -> str:
        return next(kind for start, kind in _TYPES if self.data.startswith(start))


def text(body: Body, name: str, *, most: int = 0) -> str:
    """Empty if it is not there. Raises `Refused`."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(INVALID, f"{name} must be a string")
    if most and len(value) > most:
        raise Refused(INVALID, f"{name} has more than {most} characters")
    return value


def required(body: Body, name: str) -> str:
    value = text(body, name).strip()
    if not value:
        raise Refused(INVALID, f"{name} cannot be empty")
    return value


def choice(body: Body, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = text(body, name) or default
    if value not in allowed:
        raise Refused(INVALID, f"{name} must be one of {', '.join(allowed)}")
    return value


def number(body: Body, name: str, allowed: tuple[int, ...], default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise Refused(INVALID, f"{name} must be one of {', '.join(map(str, allowed))}")
    return value


def prompt(body: Body, name: str = "prompt") -> str:
    """A prompt that must be there, without forbidden words."""
    value = required(body, name)
    check_words(value)
    return value


def check_words(prompt: str) -> None:
    """Raises `Refused` if the prompt is forbidden, or asks for a full queue."""
    if found := re.search(rf"\b{BANNED_WORD}\b", prompt, re.IGNORECASE):
        told = {"promptEn": prompt, "bannedWord": found[0]}
        raise Refused(BANNED, "may contain sensitive words", properties=told)
    if FULL_WORDS in prompt.lower():
        full = {"discordInstanceId": ACCOUNT}
        raise Refused(QUEUE_FULL, "The queue is full, please try again later", properties=full)


async def pictures(request: web.Request, body: Body, name: str) -> list[Picture]:
    """Those of an array; none if it is not there."""
    values = body.get(name) or []
    if not isinstance(values, list) or len(values) > MAX_PICTURES:
        raise Refused(INVALID, f"{name} must be an array of at most {MAX_PICTURES} pictures")
    return [await _picture(request, value, name) for value in values]


async def picture_of(request: web.Request, body: Body, *names: str) -> Picture:
    """The one under the first of the names that is there. Raises `Refused` if none is."""
    name = next((name for name in names if body.get(name)), "")
    if not name:
        raise Refused(INVALID, f"{' or '.join(names)} cannot be empty")
    return await _picture(request, body[name], name)


async def linked(request: web.Request, prompt: prompts.Prompt) -> list[bytes]:
    """The pictures that a prompt begins with, as far as the sandbox made them: it never downloads any."""
    found = [await _own(request, link) for link in prompt.links]
    return [data for data in found if data]


async def _picture(request: web.Request, value: object, name: str) -> Picture:
    if not isinstance(value, str):
        raise Refused(INVALID, f"{name} must be base64 or an address")
    if value.startswith(("http://", "https://")):
        data = await _own(request, value)
        if not data:
            raise Refused(INVALID, f"{name}: the sandbox is offline and downloads no pictures; send base64")
    else:
        data = _decoded(value, name)
    try:
        opened = await asyncio.to_thread(picture.read, data)
    except (picture.NotAPicture, picture.TooManyPixels) as error:
        raise Refused(
            INVALID, f"{name} is not a picture of at most {picture.MAX_SIDE} squared pixels"
        ) from error
    return Picture(data, opened.size)


def _decoded(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value.rpartition(",")[2], validate=True)
    except ValueError as error:
        raise Refused(INVALID, f"{name} is not base64") from error


async def _own(request: web.Request, url: str) -> bytes:
    """A picture that the sandbox gave out: one that was uploaded, or one of a task."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return b""
    if parts.netloc == request.host and parts.path.startswith("/mj/image/"):
        desk = request.app[DESK]
        task = desk.get(parts.path.removeprefix("/mj/image/"))
        is_done = task is not None and task.at(desk.clock.now()).status == "SUCCESS"
        return await desk.picture(task) if task is not None and is_done else b""
    return own_file(request, url) or b""


def order(
    request: web.Request, body: Body, action: str, prompt: str = "", *, asked: str | None = None
) -> Order:
    """What to do, and how it is to go. `asked` is the prompt that stands in this body, if it is another."""
    faults = request[FAULTS]
    bot = text(body, "botType").upper()
    if bot not in BOTS:
        raise Refused(INVALID, f"botType must be one of {', '.join(filter(None, BOTS))}")
    said = prompt if asked is None else asked
    return Order(
        action=action,
        prompt=prompt,
        mode=mode(request, body, said) or "FAST",
        bot_type=BOTS[bot],
        state=text(body, "state", most=MAX_STATE),
        notify_hook=text(body, "notifyHook", most=MAX_HOOK),
        fate=faults.task,
        speed=faults.speed,
        is_queued=re.search(rf"\b{QUEUED_WORD}\b", said, re.IGNORECASE) is not None,
    )


def mode(request: web.Request, body: Body, prompt: str) -> str:
    """The path says it first, then `accountFilter`, then the prompt; empty if none does."""
    prefix = request.path.split("/", 2)[1].removeprefix("mj-").upper()
    if prefix in prompts.MODES:
        return prefix
    account = body.get("accountFilter")
    modes = account.get("modes") if isinstance(account, dict) else None
    if modes:
        wanted = str(modes[0]).upper() if isinstance(modes, list) else ""
        if wanted not in prompts.MODES:
            raise Refused(INVALID, f"accountFilter.modes must hold {', '.join(prompts.MODES)}")
        return wanted
    return prompts.parse(prompt).mode
