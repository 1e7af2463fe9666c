"""Refusals of the server itself: what is wrong with a request before any door is known, and how that is said."""

import json

from pronghorn.api.http_limits import HttpLimits
from pronghorn.api.smuggling import METHODS, Headers, Refusal
from pronghorn.kit.ids import request_id


def expects_continue(version: str, value: bytes) -> bool:
    if value.lower() != b"100-continue":
        raise Refusal(
            417, "expectation_failed", "The only Expect header known here is 100-continue; leave it out."
        )
    return version == "1.1"


def url_too_long(limits: HttpLimits) -> Refusal:
    message = f"The URL is longer than {limits.url_bytes} bytes; send long values in the body of a POST."
    return Refusal(414, "url_too_long", message)


def headers_too_large(limits: HttpLimits) -> Refusal:
    message = (
        f"The headers are more than {limits.header_count} or larger than {limits.header_bytes} bytes; "
        "send fewer or shorter ones (cookies are often the reason)."
    )
    return Refusal(431, "headers_too_large", message)


def too_slow(part: str, limit_s: float) -> Refusal:
    message = f"The {part} of the request did not come within {limit_s:g} seconds; send the request again."
    return Refusal(408, "request_timeout", message)


def lines_of(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def answer_of(refusal: Refusal, error_type: str = "invalid_request_error") -> tuple[bytes, bytes]:
    """Header lines and body in OpenAI's shape: which dialect the client speaks is not known this early."""
    error = {"message": refusal.message, "type": error_type, "param": None, "code": refusal.code}
    body = json.dumps({"error": error}, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"access-control-allow-origin", b"*"),
        (b"x-request-id", request_id().encode()),
    ]
    if refusal.status == 405:
        headers.append((b"allow", ", ".join(METHODS.values()).encode()))
    return lines_of(headers), body
