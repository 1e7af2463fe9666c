"""Origin: where connections go, and so which of them may be shared."""

import base64
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Proxy(NamedTuple):
    host: str
    port: int
    authorization: bytes
    """A `Proxy-Authorization` line with its CRLF, or empty."""


class Origin(NamedTuple):
    """Scheme, host, port and the proxy on the way; `host_header` is what the vendor sees."""

    is_tls: bool
    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def host_header(self) -> bytes:
        name = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == (443 if self.is_tls else 80)
        return (name if is_default else f"{name}:{self.port}").encode()


def parse(url: str, proxy_url: str | None = None) -> tuple[Origin, str]:
    """The origin of `url` and its path without a trailing slash. Raises `ValueError` that names the fault."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url[:200]!r} must be an http:// or https:// URL with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a base URL has no user, password, query or fragment")
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    proxy = parse_proxy(proxy_url) if proxy_url else None
    return Origin(is_tls, parts.hostname, port, proxy), parts.path.rstrip("/")


def parse_proxy(url: str) -> Proxy:
    """`http://[user:password@]host:port`. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError("a proxy is written http://[user:password@]host:port")
    line = b""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        line = b"proxy-authorization: Basic " + base64.b64encode(pair) + b"\r\n"
    return Proxy(parts.hostname, parts.port, line)
