"""Errors as each dialect's clients read them: the table of the design, the request id, and the way out."""

from typing import Any

import msgspec
import pytest

from pronghorn import errors
from pronghorn.convert.errors import event, render
from pronghorn.errors import PronghornError
from pronghorn.kit import sse

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
    status, headers, body = render("chat", error, "req_1")
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
    """`503 no_channel` + `retry-after`, also where nobody thought of a time."""
    assert int(rendered(errors.NoChannel())[1][b"retry-after"]) >= 1


@pytest.mark.parametrize("error", [error for error, *_ in TABLE if not isinstance(error, errors.NoCredit)])
def test_only_a_lack_of_money_says_not_to_retry(error: PronghornError) -> None:
    assert b"x-should-retry" not in rendered(error)[1]


def test_facts_are_shown_beside_the_message() -> None:
    body = rendered(errors.LimitReached("x", retry_after_s=1, detail={"scope": "key", "limit": 5}))[2]
    assert (body["scope"], body["limit"], body["type"]) == ("key", 5, "rate_limit_error")


@pytest.mark.parametrize(
    ("error", "anthropic", "gemini"),
    [
        (errors.Unauthenticated(), (401, "authentication_error"), (401, "UNAUTHENTICATED")),
        (errors.NoCredit(), (402, "billing_error"), (403, "PERMISSION_DENIED")),
        (errors.AccessDenied(), (403, "permission_error"), (403, "PERMISSION_DENIED")),
        (errors.ModelNotFound(), (404, "not_found_error"), (404, "NOT_FOUND")),
        (errors.NoChannel(), (529, "overloaded_error"), (503, "UNAVAILABLE")),
        (errors.BadRequest(), (400, "invalid_request_error"), (400, "INVALID_ARGUMENT")),
        (errors.RefusedStrict(), (400, "invalid_request_error"), (400, "INVALID_ARGUMENT")),
        (errors.TooLarge(), (413, "request_too_large"), (413, "INVALID_ARGUMENT")),
        (errors.LimitReached(), (429, "rate_limit_error"), (429, "RESOURCE_EXHAUSTED")),
        (errors.UpstreamError(), (502, "api_error"), (502, "INTERNAL")),
        (errors.UpstreamTimeout(), (504, "timeout_error"), (504, "DEADLINE_EXCEEDED")),
    ],
)
def test_the_same_table_for_anthropic_and_gemini(
    error: PronghornError, anthropic: tuple[int, str], gemini: tuple[int, str]
) -> None:
    status, headers, raw = render("messages", error, "req_1")
    body = msgspec.json.decode(raw)
    assert (status, body["error"]["type"]) == anthropic
    assert (body["type"], body["request_id"], dict(headers)[b"request-id"]) == ("error", "req_1", b"req_1")
    status, _, raw = render("generate", error, "req_1")
    body = msgspec.json.decode(raw)
    assert (status, body["error"]["status"]) == gemini
    assert body["error"]["code"] == status


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses", "generate"])
def test_an_error_inside_a_stream_is_an_event_of_the_dialect_and_no_end(dialect: str) -> None:
    raw = event(dialect, errors.UpstreamTruncated(), "req_1")
    payload = msgspec.json.decode(sse.data_of(raw) or b"")
    assert "req_1" in msgspec.json.encode(payload).decode()
    assert payload.get("type") == {"messages": "error", "responses": "error"}.get(dialect)
    assert ("error" in payload) == (dialect != "responses")
    assert b"[DONE]" not in raw


@pytest.mark.parametrize("dialect", ["messages", "generate"])
@pytest.mark.parametrize("code", [b'"x"', b"400", b'["x"]'])
def test_a_vendors_words_reach_callers_of_other_dialects(dialect: str, code: bytes) -> None:
    error = errors.UpstreamRejected(400, b'{"error":{"message":"no such voice","code":%b}}' % code, b"")
    status, _, raw = render(dialect, error, "req_1")
    assert status == 400
    assert "no such voice" in msgspec.json.decode(raw)["error"]["message"]


def test_our_own_fault_shows_nothing_of_it() -> None:
    status, _, body = rendered(PronghornError("the gateway failed on this request; report its id"))
    assert (status, body["type"], body["code"]) == (500, "server_error", "internal_error")


@pytest.mark.parametrize("content_type", [b"", b"application/json; charset=utf-8"])
def test_a_vendors_words_pass_with_their_status(content_type: bytes) -> None:
    error = errors.UpstreamRejected(422, b'{"error":{"code":"odd"}}', content_type)
    status, headers, body = render("chat", error, "req_1")
    assert (status, body) == (422, b'{"error":{"code":"odd"}}')
    assert dict(headers)[b"content-type"] == (content_type or b"application/json")
