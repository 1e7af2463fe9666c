"""What a Midjourney request says, checked before anybody is asked: its speed, its prompt, its pictures."""

import base64
import binascii
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from pronghorn.api.tasks.door import Asked, take
from pronghorn.commerce.targets import check_url
from pronghorn.errors import BadRequest
from pronghorn.kit.network import may_reach, parse_network
from pronghorn.tasks.view import View
from pronghorn.wire.midjourney import prompt

Body = dict[str, Any]

MAX_STATE = 255
MAX_PICTURE_BYTES = 20 * 1024 * 1024
MAX_PICTURES = 20
LISTS_OF_PICTURES = ("base64Array",)
PICTURES = (
    *("base64", "link", "image", "endImage", "maskBase64"),
    *("sourceBase64", "sourceUrl", "targetBase64", "targetUrl"),
)
READ = (
    *("prompt", "botType", "state", "accountFilter", "action", "index", "taskId", "customId", "content"),
    *LISTS_OF_PICTURES,
    *PICTURES,
)
"""All members that something depends on."""
_HEAD_CHARACTERS = 64
_LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Where the sandbox is, whose own addresses test keys bring back to it."""


def refused(word: str, detail: str = "", *, param: str | None = None) -> BadRequest:
    """In the words that gateways of this protocol have, then what is to be done."""
    return BadRequest(detail or word, code=word, param=param)


def body_of(asked: Asked, *withheld: str) -> Body:
    """Without members that would make another request of it. Pictures and the caller's label are checked.

    Some clients write the number of a picture as text.
    """
    body = asked.body(*READ)
    for name in withheld:
        body.pop(name, None)
    if body.get("index") in tuple("0123456789"):
        body["index"] = int(body["index"])
    if len(take(body, "state", str, "")) > MAX_STATE:
        raise refused("bind_request_body_failed", f"state has more than {MAX_STATE} characters")
    allowed = [*asked.fetch_allow, *(_LOOPBACK if asked.grant.is_test else ())]
    _check_pictures(body, allowed)
    _check_prompt(take(body, "prompt", str, ""), allowed)
    return body


def text_of(body: Body, name: str, word: str) -> str:
    """One that must be there; numbers are taken for text, since some clients write ids as numbers."""
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = body[name] = str(value)
    found = take(body, name, str, "").strip()
    if not found:
        raise refused(word, param=name)
    return found


def speed_of(path_speed: str, body: Body, parent: View | None = None) -> str:
    """The path says it, or `accountFilter`, or the prompt, or the parent; else it is fast."""
    said = path_speed or _filtered(body) or prompt.speed_in(take(body, "prompt", str, ""))
    return said or (parent.job.speed if parent is not None else "") or "fast"


def _filtered(body: Body) -> str:
    modes = take(take(body, "accountFilter", dict, {}), "modes", list, [])
    first = str(modes[0]).lower() if modes else ""
    if first and first not in prompt.SPEEDS:
        raise refused("bind_request_body_failed", "accountFilter.modes must hold FAST, RELAX or TURBO")
    return first


def _check_prompt(text: str, allowed: Iterable[str]) -> None:
    if prompt.repeats(text) > 1:
        raise refused(
            "bind_request_body_failed", "prompt: one task cannot hold --repeat; send the request as often"
        )
    for url in prompt.links(text):
        if _is_private(url, allowed):
            raise refused("bind_request_body_failed", "prompt has a private address", param="prompt")


def _is_private(url: str, allowed: Iterable[str]) -> bool:
    """Where a name leads, nobody asks here: the vendor does, and from its own house."""
    try:
        host = urlsplit(url).hostname or ""
        return not may_reach(str(ip_address(host)), [parse_network(one) for one in allowed])
    except ValueError:
        return False


def _check_pictures(body: Body, allowed: Iterable[str]) -> None:
    for name in LISTS_OF_PICTURES:
        found = take(body, name, list, [])
        if len(found) > MAX_PICTURES:
            raise refused("bind_request_body_failed", f"{name} has more than {MAX_PICTURES} pictures")
        for number, one in enumerate(found):
            _check_picture(f"{name}[{number}]", one, allowed)
    for name in PICTURES:
        if body.get(name):
            _check_picture(name, body[name], allowed)


def _check_picture(name: str, value: Any, allowed: Iterable[str]) -> None:
    """An address, a data URI, or base64 alone. The vendor fetches addresses; it is not sent into anybody's house."""
    if not isinstance(value, str):
        raise refused("bind_request_body_failed", f"{name} must be base64 or an address", param=name)
    if value.startswith(("http://", "https://")):
        check_url(value, allowed, name)
        return
    text = value.partition(",")[2] if value.startswith("data:") else value
    if len(text) * 3 // 4 > MAX_PICTURE_BYTES:
        raise refused("bind_request_body_failed", f"{name} is larger than {MAX_PICTURE_BYTES >> 20} MB")
    if not _is_picture(text[:_HEAD_CHARACTERS]):
        raise refused(
            "bind_request_body_failed", f"{name} is no PNG, JPEG, WebP or GIF in base64", param=name
        )


def _is_picture(text: str) -> bool:
    try:
        head = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
