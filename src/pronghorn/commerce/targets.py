"""Targets: URLs that somebody gave to be told something at. What they must look like, and what of them is shown."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from pronghorn.errors import BadRequest
from pronghorn.kit.network import may_reach, parse_network

MAX_CHARACTERS = 2000
_URL = re.compile(r"https?://[^/?#@]+([/?][^#]*)?", re.I)
_HOST = re.compile(r"[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\]")


def check_url(url: str, allowed: Iterable[str], param: str = "callback_url") -> None:
    """Raises `BadRequest` that does not quote it: it may hold a secret.

    `allowed` are the networks of the setting `fetch_allow`. An address that is written down is looked at here; where
    a name leads, only each attempt sees.
    """
    if len(url) > MAX_CHARACTERS:
        raise BadRequest(f"{param} must have at most {MAX_CHARACTERS} characters", param=param)
    host = _host(url)
    if host is None:
        raise BadRequest(
            f"{param} is not a URL such as https://host/path?query: with http or https, percent-encoded, and without "
            "user, password or fragment",
            param=param,
        )
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        return
    if not may_reach(address, [parse_network(text, strict=False) for text in allowed]):
        raise BadRequest(
            f"{param} is a private address; the setting fetch_allow says which of those may be reached",
            param=param,
        )


def origin(url: str) -> str:
    """What of it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _host(url: str) -> str | None:
    """None if it is not such a URL."""
    if not url.isascii() or not url.isprintable() or " " in url or not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        is_good = parts.port != 0 and _HOST.fullmatch(re.sub(r":[0-9]*$", "", parts.netloc))
    except ValueError:
        return None
    return parts.hostname if is_good else None
