"""What a vendor's error means: the caller's fault is passed on and scrubbed, all else is ours to say."""

import json
from base64 import b64encode
from typing import Any, cast
from urllib.parse import quote

import msgspec
import pytest
from tests.unit.routing.making import CREDENTIAL, HOST, channel

from pronghorn.errors import (
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
    UpstreamTimeout,
)
from pronghorn.relay import refusal
from pronghorn.upstream import Answer
from pronghorn.vendors import ChatVendor


class Said:
    def __init__(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status = status
        self._headers = {b"content-type": b"application/json"} | headers

    def header(self, name: bytes) -> bytes:
        return self._headers.get(name, b"")


def read(status: int, body: bytes | dict[str, Any], **headers: bytes) -> UpstreamError:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = Said(status, {name.replace("_", "-").encode(): value for name, value in headers.items()})
    return refusal.read(cast(Answer, answer), content, channel())


def error(**fields: Any) -> dict[str, Any]:
    return {"error": {"message": "it is so", "type": "invalid_request_error", **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (400, error(code="context_length_exceeded"), UpstreamRejected, 400),
        (404, error(code="model_not_found"), UpstreamRejected, 404),
        (409, error(code=None), UpstreamRejected, 409),
        (413, error(), UpstreamRejected, 413),
        (415, error(), UpstreamRejected, 415),
        (422, error(code=422), UpstreamRejected, 422),
        (400, {"error": {}}, UpstreamRejected, 400),
        (400, b"<html>nginx</html>", UpstreamError, 502),
        (404, b"404 page not found", UpstreamError, 502),
        (400, error(code=["a"]), UpstreamRejected, 400),
        (400, error(code=1.5, type=7), UpstreamRejected, 400),
        (400, error(details={"a": 1}), UpstreamRejected, 400),
        (400, error(details=[1, {"reason": 2}]), UpstreamRejected, 400),
        (400, {"error": {"message": {"a": 1}}}, UpstreamRejected, 400),
        (400, {"error": "text"}, UpstreamRejected, 400),
        (400, {"error": None, "detail": "x"}, UpstreamRejected, 400),
        (400, {"odd": 1}, UpstreamError, 502),
        (400, {"message": ""}, UpstreamError, 502),
        (400, b'"text"', UpstreamError, 502),
        (400, {"code": "x", "error": "Incorrect API key provided: k***y."}, UpstreamRefusedUs, 502),
        (400, {"code": "insufficient_quota", "message": "x"}, UpstreamRefusedUs, 502),
        (
            400,
            error(message="Access denied, please make sure your account is in good standing."),
            UpstreamRefusedUs,
            502,
        ),
        (500, {"detail": "x"}, UpstreamError, 502),
        (400, b"", UpstreamError, 502),
        (401, error(code="invalid_api_key"), UpstreamRefusedUs, 502),
        (402, error(), UpstreamRefusedUs, 502),
        (403, error(), UpstreamRefusedUs, 502),
        (429, error(code="insufficient_quota"), UpstreamRefusedUs, 502),
        (429, error(type="insufficient_quota", code=None), UpstreamRefusedUs, 502),
        (429, error(code="rate_limit_exceeded"), UpstreamLimited, 429),
        (429, b"slow down", UpstreamLimited, 429),
        (408, b"", UpstreamTimeout, 504),
        (504, b"<html>", UpstreamTimeout, 504),
        (500, error(), UpstreamError, 502),
        (503, b"", UpstreamError, 502),
        (529, error(), UpstreamError, 502),
        (301, b"", UpstreamError, 502),
    ],
)
def test_the_table(status: int, body: Any, kind: type[UpstreamError], told: int) -> None:
    found = read(status, body)
    assert type(found) is kind
    assert found.upstream_status == status
    assert (found.upstream_status if isinstance(found, UpstreamRejected) else found.status) == told
    assert found.retryable is (kind is not UpstreamRejected)


@pytest.mark.parametrize(
    ("header", "retry_after_s"),
    [
        (b"7", 7),
        (b"", None),
        (b"999999", 3600),
        (b"-5", None),
        (b"Fri, 31 Dec 1999 23:59:59 GMT", 0),
        (b"Thu, 31 Dec 2099 23:59:59 GMT", 3600),
        (b"Thu, 99 Dec 2099 23:59:59 GMT", None),
        (b"soon", None),
        (b"\xb2", None),
    ],
)
def test_the_vendors_own_limit_says_when_to_come_back(header: bytes, retry_after_s: float | None) -> None:
    assert read(429, b"", retry_after=header).retry_after_s == retry_after_s


def test_a_date_counts_from_the_vendors_own_clock_if_it_shows_it() -> None:
    until, now = b"Fri, 27 Nov 2026 10:00:42 GMT", b"Fri, 27 Nov 2026 10:00:00 GMT"
    assert read(429, b"", retry_after=until, date=now).retry_after_s == 42


def test_words_about_the_request_are_passed_on() -> None:
    found = read(400, error(param="messages", code="odd"), content_type=b"application/json; x=1")
    assert isinstance(found, UpstreamRejected)
    assert msgspec.json.decode(found.body) == error(param="messages", code="odd")
    assert found.content_type == b"application/json; x=1"


@pytest.mark.parametrize(
    "written",
    [
        CREDENTIAL.replace("-", "\\u002d"),
        "".join(f"\\u{ord(letter):04x}" for letter in CREDENTIAL),
        quote(CREDENTIAL, safe=""),
        b64encode(CREDENTIAL.encode()).decode(),
    ],
)
def test_nor_is_our_credential_in_other_words(written: str) -> None:
    found = read(400, b'{"error":{"message":"Bearer %b is odd","code":"x"}}' % written.encode())
    assert isinstance(found, UpstreamRejected)
    assert json.loads(found.body)["error"]["message"] == "Bearer *** is odd"


@pytest.mark.parametrize("secret", [CREDENTIAL, HOST, HOST.upper(), HOST.title()])
def test_our_credential_and_the_vendors_host_are_not(secret: str) -> None:
    found = read(400, {"error": {"message": f"see https://{secret}/v1, not {secret}", "code": "x"}})
    assert isinstance(found, UpstreamRejected)
    assert secret.encode() not in found.body
    assert b"***" in found.body


@pytest.mark.parametrize("status", [401, 403, 429, 500, 504])
def test_nothing_of_the_vendors_words_is_told_otherwise(status: int) -> None:
    found = read(status, {"error": {"message": f"{CREDENTIAL} at {HOST}", "code": "x"}})
    assert CREDENTIAL not in found.message
    assert HOST not in found.message
    assert not hasattr(found, "body")


@pytest.mark.parametrize(
    ("own", "body", "message", "code"),
    [
        ("", {"detail": "it is so"}, "it is so", None),
        ("", {"detail": [{"loc": ["body"], "msg": "odd"}]}, '[{"loc":["body"],"msg":"odd"}]', None),
        ("", {"code": "their word", "error": "it is so"}, "it is so", "their word"),
        ("", {"object": "error", "message": "it is so", "code": 400}, "it is so", 400),
        ("", {"error": "Bad Request", "message": "it is so"}, "it is so", None),
        ("", {"error": ["it is so"]}, '["it is so"]', None),
        ("reason", {"message": "Bad", "reason": "it is so"}, "it is so", None),
        ("message", {"message": {"a": 1}}, '{"a":1}', None),
    ],
)
def test_words_elsewhere_are_told_where_all_clients_look(
    own: str, body: Any, message: str, code: Any
) -> None:
    vendor = ChatVendor(name="v", base_url="", words=own)
    found = refusal.read(cast(Answer, Said(422, {})), msgspec.json.encode(body), channel(vendor=vendor))
    assert isinstance(found, UpstreamRejected)
    told = msgspec.json.decode(found.body)["error"]
    assert (told["message"], told["code"]) == (message, code)
