"""Fields: how values of the management API are read and written. A bad one raises `BadRequest` with its name."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from pronghorn.commerce.calendar import time_ms
from pronghorn.errors import BadRequest
from pronghorn.kit.clock import iso
from pronghorn.kit.money import format_decimal, parse_usd
from pronghorn.kit.network import parse_network
from pronghorn.ledger.prices import PPM, parse_factor
from pronghorn.upstream.origin import parse_proxy

Mode = Literal["live", "test"]
Usd = Annotated[str, msgspec.Meta(description="US dollars as a decimal string.", examples=["5.00"])]
Time = Annotated[
    str, msgspec.Meta(description="ISO 8601; UTC if no zone is given.", examples=["2030-01-31T12:00:00.000Z"])
]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
DisplayName = Annotated[str, msgspec.Meta(max_length=200)]
Note = Annotated[str, msgspec.Meta(max_length=2000)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]

MAX_PROXY_CHARACTERS = 300
"""Sealed, it becomes longer, and its column holds 500."""
MAX_FACTOR_PPM = 1_000 * PPM
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,120}")
_HOST = re.compile(r"[0-9A-Za-z._:-]+|\[[0-9A-Fa-f:.]+\]")


def given(patch: msgspec.Struct) -> dict[str, Any]:
    """The fields that a PATCH body named; null is a value, absence is none."""
    values = {name: getattr(patch, name) for name in patch.__struct_fields__}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def clean(text: str, param: str) -> str:
    """`text` without blanks around it: not empty, printable."""
    text = text.strip()
    if not text or not text.isprintable():
        raise BadRequest(f"{param} must be one line of printable text and not empty", param=param)
    return text


def amount(text: str, param: str) -> int:
    """Nano-dollars."""
    try:
        return parse_usd(text)
    except ValueError as error:
        raise BadRequest(f"{param}: {error}", param=param) from error


def positive_amount(text: str | None, param: str) -> int | None:
    if text is None:
        return None
    nano = amount(text, param)
    if nano <= 0:
        raise BadRequest(f"{param} must be more than 0; leave it out or send null for no limit", param=param)
    return nano


def factor(text: str, param: str) -> int:
    """Millionths."""
    try:
        ppm = parse_factor(text)
    except ValueError as error:
        raise BadRequest(f"{param}: {error}", param=param) from error
    if ppm > MAX_FACTOR_PPM:
        raise BadRequest(f"{param} must be at most {MAX_FACTOR_PPM // PPM}", param=param)
    return ppm


def factor_text(ppm: int) -> str:
    return format_decimal(ppm, decimals=6)


def time_text(millis: int) -> str:
    return iso(millis / 1000)


def maybe_time(millis: int | None) -> str | None:
    return None if millis is None else time_text(millis)


def future_ms(text: str | None, param: str, now_ms: int) -> int | None:
    if text is None:
        return None
    millis = time_ms(text, param)
    if millis <= now_ms:
        raise BadRequest(f"{param} must lie in the future; it is {time_text(now_ms)} now", param=param)
    return millis


def networks(texts: Iterable[str] | None, param: str = "ips") -> list[str] | None:
    """Addresses and networks in their usual form."""
    if texts is None:
        return None
    found = []
    for text in texts:
        try:
            network = parse_network(text)
            found.append(str(network if "/" in text else network.network_address))
        except ValueError as error:
            raise BadRequest(
                f"{param}: {error}; give addresses such as 203.0.113.7 or networks such as 203.0.113.0/24",
                param=param,
            ) from error
    return _not_empty(found, param, "from anywhere")


def model_patterns(texts: Iterable[str] | None) -> list[str] | None:
    if texts is None:
        return None
    found = [model_name(text, "models") for text in texts]
    for text in found:
        if "*" in text[:-1]:
            raise BadRequest(f"models: {text!r} may have a `*` at its end only", param="models")
    return _not_empty(found, "models", "every model")


def _not_empty(found: list[str], param: str, without: str) -> list[str]:
    if not found:
        raise BadRequest(
            f"{param} is an empty list, which would allow nothing; null means {without}", param=param
        )
    return list(dict.fromkeys(found))


def model_name(text: str, param: str = "model") -> str:
    if text != text.strip() or not text or not text.isprintable() or len(text) > 200:
        raise BadRequest(f"{param}: a model's name has 1 to 200 printable characters", param=param)
    return text


def http_url(text: str, param: str) -> str:
    """An address of a vendor without `/` at its end. What is wrong is never quoted: it may hold a secret."""
    url = _split(text, param)
    if url.scheme not in ("http", "https"):
        raise BadRequest(f"{param} must begin with http:// or https://", param=param)
    if url.username is not None or url.password is not None:
        raise BadRequest(f"{param} must not hold a user or password; use credentials", param=param)
    if "?" in text or "#" in text:
        raise BadRequest(f"{param} must not have a query or fragment; use credentials for keys", param=param)
    return text.rstrip("/")


def proxy_url(text: str | None, param: str = "proxy") -> str | None:
    if text is None:
        return None
    url = _split(text, param)
    try:
        if url.path.rstrip("/") or "?" in text or "#" in text:
            raise ValueError
        parse_proxy(text)
    except ValueError as error:
        raise BadRequest(
            f"{param} must look like http://host:port or http://user:password@host:port, with the port",
            param=param,
        ) from error
    if len(text) > MAX_PROXY_CHARACTERS:
        raise BadRequest(f"{param} must have at most {MAX_PROXY_CHARACTERS} characters", param=param)
    return text.rstrip("/")


def without_userinfo(url: str) -> str:
    return re.sub(r"//[^/]*@", "//***@", url)


def _split(text: str, param: str) -> SplitResult:
    try:
        url = urlsplit(text)
        is_good = bool(url.hostname) and _HOST.fullmatch(url.netloc.rpartition("@")[2]) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good or not text.isascii() or not text.isprintable() or " " in text or len(text) > 400:
        raise BadRequest(f"{param} is not a URL such as https://host:port/path", param=param)
    return url


def email(text: str, param: str = "email") -> str:
    text = clean(text, param).lower()
    if not _EMAIL.fullmatch(text):
        raise BadRequest(f"{param} must look like name@host", param=param)
    return text
