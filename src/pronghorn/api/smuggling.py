"""What a request head must look like to be served: nothing that two HTTP parsers could read in two ways.

llhttp has already refused what it finds malformed (see `tests/faults/test_http_protocol.py` for the list);
these checks are the rest. Each raises `Refusal`, and after one nothing more is read from that connection.
"""

import re
import urllib.parse

Headers = list[tuple[bytes, bytes]]

METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}

_SLASH, _HASH = b"/#"
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"expect")
_LISTS = (b"anthropic-beta", b"openai-beta")
"""Of these each line adds to the ones before; Anthropic's SDK for Go writes a line for each beta."""
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class Refusal(Exception):
    """This request is answered with an error and the connection is closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def malformed(reason: str) -> Refusal:
    return Refusal(
        400,
        "malformed_request",
        f"This is not valid HTTP/1.1: {reason}. Use a standard HTTP client or proxy.",
    )


def check_head(
    method: str,
    url: bytes,
    version: str,
    headers: Headers,
    fields: dict[bytes, bytes],
    known_host: bytes | None,
) -> bytes | None:
    """Returns the host. `fields` is `headers` as a dict, where a list in several lines becomes one; a `known_host` was
    found good before.
    """
    if not method:
        message = f"This method is served nowhere here; use one of {', '.join(METHODS.values())}."
        raise Refusal(405, "method_not_supported", message)
    if version != "1.1" and version != "1.0":
        raise malformed("a version other than HTTP/1.1 and HTTP/1.0")
    if url[0] != _SLASH or _HASH in url:
        _check_odd_target(method, url)
    if len(fields) != len(headers):
        _check_repeated(headers)
        _join_lists(headers, fields)
    if b"transfer-encoding" in fields:
        _check_transfer_encoding(version, fields)
    host = fields.get(b"host")
    if host != known_host or host is None:
        _check_host(version, host)
    return host


def _check_odd_target(method: str, url: bytes) -> None:
    """Absolute form could name another host than `Host` does, and a fragment never belongs on the wire."""
    if url != b"*" or method != "OPTIONS":
        raise malformed("the request target must be a path that begins with / and has no fragment")


def _check_repeated(headers: Headers) -> None:
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise malformed(f"more than one {name.decode()} header")


def _join_lists(headers: Headers, fields: dict[bytes, bytes]) -> None:
    for name in fields.keys() & _LISTS:
        fields[name] = b", ".join([value for found, value in headers if found == name])


def _check_transfer_encoding(version: str, fields: dict[bytes, bytes]) -> None:
    if version == "1.0":
        raise malformed("Transfer-Encoding with HTTP/1.0")
    if b"content-length" in fields:
        raise malformed("both Content-Length and Transfer-Encoding")
    if fields[b"transfer-encoding"].lower() != b"chunked":
        raise malformed("a Transfer-Encoding other than chunked")


def _check_host(version: str, host: bytes | None) -> None:
    if host is None:
        if version == "1.1":
            raise malformed("no Host header")
    elif not _HOST.fullmatch(host):
        raise malformed("the Host header is not a host name with an optional port")


def unquote_path(path: str) -> str:
    """The path with its percent-encoding undone; wrong encoding stays as it is, as everywhere on the web."""
    plain = urllib.parse.unquote(path)
    if _CONTROL.search(plain):
        raise malformed("a control character in the path")
    return plain


def size_of(url: bytes, headers: Headers) -> int:
    """Bytes of a head on the wire, but for the method, the version and optional white space."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
