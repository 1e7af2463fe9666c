"""Errors as OpenAI's clients read them: the table of the design, the request id, and the way out."""

from typing import Any

import msgspec
import pytest

from pronghorn import errors
from pronghorn.api import openai_errors
from pronghorn.errors import PronghornError

TABLE: list[tuple[PronghornError, int, str | None, dict[bytes, bytes]]] = [
    (errors.Unauthenticated(), 401, "invalid_api_key", {}),
    (errors.NoCredit(), 402, "insufficient_quota", {b"x-should-retry": b"false"}),
    (errors.AccessDenied(), 403, "access_denied", {}),
    (errors.ModelNotFound(), 404, "model_not_found", {}),
    (errors.NoChannel(retry_after_s=30), 503, "no_channel", {b"retry-after": b"30"}),
    (errors.BadRequest(param="n"), 400, "invalid_request_error", {}),
    (errors.TooLarge(), 413, None, {}),
    (errors.LimitReached(retry_after_s=0.2), 429, "rate_limit_exceeded", {b"retry-after": b"1"}),
    (errors.LimitReached(retry_after_s=30.1), 429, "rate_limit_exceeded", {b"retry-after": b"31"}),
    (errors.UpstreamError(), 502, "upstream_error", {}),
    (errors.UpstreamTimeout(), 504, "upstream_timeout", {}),
    (errors.UpstreamLimited(), 429, "rate_limit_exceeded", {}),
]


def rendered(error: PronghornError) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
    status, headers, body = openai_errors.render(error, "req_1")
    return status, dict(headers), msgspec.json.decode(body)["error"]


@pytest.mark.parametrize(("error", "status", "code", "wanted"), TABLE)
def test_the_table_of_the_design(
    error: PronghornError, status: int, code: str | None, wanted: dict[bytes, bytes]
) -> None:
    got, headers, body = rendered(error)
    assert got == status
    assert code is None or body["code"] == code
    assert headers[b"content-type"] == b"application/json"
    assert wanted.items() <= headers.items()
    assert headers[b"x-pronghorn-end-reason"] == error.end_reason.encode()
    assert set(body) >= {"message", "type", "param", "code"}
    assert body["message"].endswith("(request id: req_1)")
    assert body["param"] == error.param


def test_a_missing_channel_always_says_when_to_come_back() -> None:
    """DESIGN 12: `503 no_channel` + `retry-after`, also where nobody thought of a time."""
    assert int(rendered(errors.NoChannel())[1][b"retry-after"]) >= 1


@pytest.mark.parametrize("error", [error for error, *_ in TABLE if not isinstance(error, errors.NoCredit)])
def test_only_a_lack_of_money_says_not_to_retry(error: PronghornError) -> None:
    assert b"x-should-retry" not in rendered(error)[1]


def test_facts_are_shown_beside_the_message() -> None:
    body = rendered(errors.LimitReached("x", retry_after_s=1, detail={"scope": "key", "limit": 5}))[2]
    assert (body["scope"], body["limit"], body["type"]) == ("key", 5, "rate_limit_error")


@pytest.mark.parametrize("kind", sorted(openai_errors._TYPES))
def test_every_status_of_a_caller_has_a_type(kind: int) -> None:
    assert 400 <= kind < 500


def test_our_own_fault_shows_nothing_of_it() -> None:
    status, _, body = rendered(PronghornError("the gateway failed on this request; report its id"))
    assert (status, body["type"], body["code"]) == (500, "server_error", "internal_error")


@pytest.mark.parametrize("content_type", [b"", b"application/json; charset=utf-8"])
def test_a_vendors_words_pass_with_their_status(content_type: bytes) -> None:
    error = errors.UpstreamRejected(422, b'{"error":{"code":"odd"}}', content_type)
    status, headers, body = openai_errors.render(error, "req_1")
    assert (status, body) == (422, b'{"error":{"code":"odd"}}')
    assert dict(headers)[b"content-type"] == (content_type or b"application/json")
