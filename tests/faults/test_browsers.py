"""A page in a browser is let in on every path, and may read every refusal."""

import pytest
from tests.faults import raw
from tests.faults.harness import Gateway
from tests.faults.raw import request
from tests.faults.upstream import whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"


ASKED_HEADERS = (
    "authorization, content-type, accept, x-api-key, x-goog-api-key, x-goog-api-client, api-key, "
    "anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access, openai-organization, "
    "openai-project, openai-beta, http-referer, x-title, user-agent, prefer, x-app, x-session-id, "
    "x-stainless-lang, x-stainless-package-version, x-stainless-os, x-stainless-arch, x-stainless-runtime, "
    "x-stainless-runtime-version, x-stainless-retry-count, x-stainless-timeout, x-stainless-helper-method"
)
PLACES = (
    *(
        "chat/completions",
        "completions",
        "embeddings",
        "images/generations",
        "images/edits",
        "images/variations",
    ),
    *("audio/speech", "audio/transcriptions", "audio/translations", "moderations", "rerank", "models"),
    *(
        "models/gpt-4o",
        "messages",
        "responses",
        "responses/resp_1",
        "dashboard/billing/usage",
        "nothing/at/all",
    ),
)


@pytest.mark.parametrize("place", PLACES)
async def test_a_preflight_is_answered_on_every_path_without_a_key(gateway: Gateway, place: str) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": ASKED_HEADERS,
    }
    for path in (f"/v1/{place}", f"/{place}", f"//v1/{place}/"):
        answer = await raw.call(gateway.port, request("OPTIONS", path, asked))
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("access-control-allow-headers") == ASKED_HEADERS
        assert answer.header("access-control-max-age") == "86400"
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert method in answer.header("access-control-allow-methods")


async def test_a_page_may_read_every_refusal(gateway: Gateway) -> None:
    poor = await gateway.case(usd=0)
    narrow = await gateway.case(models=["another"])
    case = await gateway.case()
    gateway.upstream.plays(*whole({"error": {"message": "no"}}, "500 Broken"))
    answers = {
        402: await poor.chat(),
        403: await narrow.chat(),
        415: await case.call(case.post(CHAT, b"{}", content_type="text/plain")),
        431: await raw.call(gateway.port, request("GET", "/", {"x": "a" * 100_000})),
        414: await raw.call(gateway.port, request("GET", "/" + "a" * 100_000)),
        502: await case.chat(),
    }
    for status, answer in answers.items():
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("content-type") == "application/json"
        assert set(answer.error) >= {"message", "type", "param", "code"}
        assert answer.header("x-request-id").startswith("req_")
        assert len(answer.error["message"]) > 20
