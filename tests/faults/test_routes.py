"""Every spelling of a route that clients use, and what they see where there is none."""

import json
from typing import Any

import pytest
from tests.faults import raw
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer, request
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
SPELLINGS = [
    CHAT,
    "//v1/chat/completions",
    "/v1//chat/completions",
    "/v1/v1/chat/completions",
    "/v1/v1/v1/chat/completions",
    "/chat/completions",
    "/v1/chat/completions/",
    "/chat/completions/",
    "/v1beta/openai/chat/completions",
    "/v1/chat%2Fcompletions",
    "/v1/chat/completions?api-version=2024-10-21",
    "/openai/deployments/MODEL/chat/completions?api-version=2024-10-21",
    "/v1/openai/deployments/MODEL/chat/completions",
    "/v1/engines/MODEL/chat/completions",
]


@pytest.mark.parametrize("path", SPELLINGS)
async def test_every_spelling_of_the_route_works(case: Case, path: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = {"model": case.model, "messages": [{"role": "user", "content": "Hi"}]}
    if "MODEL" in path:
        del body["model"]
    answer = await case.call(case.post(path.replace("MODEL", case.model), json.dumps(body).encode()))
    assert answer.status == 200
    seen = case.gateway.upstream.seen[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.json()["model"] == case.model
    assert (await case.row()).model == case.model


PLACES: list[tuple[str, str]] = [
    ("authorization", "Bearer {}"),
    ("authorization", "bearer {}"),
    ("authorization", "{}"),
    ("authorization", "Token {}"),
    ("authorization", "Bearer  {} "),
    ("x-api-key", "{}"),
    ("x-goog-api-key", "{}"),
    ("api-key", "{}"),
    ("x-key", "{}"),
    ("mj-api-secret", "{}"),
]


@pytest.mark.parametrize(("name", "form"), PLACES)
async def test_a_key_is_found_wherever_clients_put_it(case: Case, name: str, form: str) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = json.dumps({"model": case.model, "messages": []}).encode()
    answer = await raw.call(case.gateway.port, request("POST", CHAT, {name: form.format(case.key)}, body))
    assert answer.status == 200
    assert case.key not in str(case.gateway.upstream.seen[0].headers)


async def test_a_key_in_the_query_works_and_goes_nowhere(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    body = json.dumps({"model": case.model, "messages": []}).encode()
    answer = await raw.call(case.gateway.port, request("POST", f"{CHAT}?key={case.key}", {}, body))
    assert answer.status == 200
    assert case.gateway.upstream.seen[0].path == CHAT


async def test_two_different_keys_are_a_401(gateway: Gateway) -> None:
    one, other = await gateway.case(), await gateway.case()
    headers = {"authorization": f"Bearer {one.key}", "x-api-key": other.key}
    answer = await raw.call(gateway.port, request("POST", CHAT, headers, b"{}"))
    assert answer.status == 401
    headers["x-api-key"] = "a-placeholder"
    answer = await raw.call(gateway.port, request("POST", CHAT, headers, b"{}"))
    assert answer.status == 400, "the one well-formed key of ours wins"


async def get(gateway: Gateway, path: str, method: str = "GET", **headers: str) -> RawAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await raw.call(gateway.port, request(method, path, named), is_head=method == "HEAD")


NOWHERE = [
    ("GET", "/v1/nothing"),
    ("POST", "/nothing/at/all"),
    ("POST", "/v1/chat/completions/chat/completions"),
    ("GET", "/v1/chat/completions/models"),
    ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
    ("GET", "/" + "a" * 5_000),
    ("DELETE", "/v1/nothing"),
    ("GET", "/favicon.ico"),
    ("GET", "/.env"),
]


@pytest.mark.parametrize(("method", "path"), NOWHERE, ids=lambda v: str(v)[:20])
async def test_a_route_that_is_none_is_a_404_with_a_hint(gateway: Gateway, method: str, path: str) -> None:
    answer = await get(gateway, path, method)
    assert answer.status == 404
    assert "/v1" in answer.error["message"]
    assert answer.header("x-request-id") in answer.error["message"]
    assert len(answer.body) < 1_000


WRONG_METHODS = [("GET", CHAT), ("PUT", CHAT), ("POST", "/v1/models"), ("DELETE", "/healthz"), ("POST", "/")]


@pytest.mark.parametrize(("method", "path"), WRONG_METHODS)
async def test_a_method_that_is_wrong_is_a_405(gateway: Gateway, method: str, path: str) -> None:
    answer = await get(gateway, path, method)
    assert answer.status == 405
    assert method in answer.error["message"]
    allowed = answer.header("allow").split(", ")
    assert method not in allowed and allowed[0] in answer.error["message"]


async def test_a_websocket_is_told_to_use_http(gateway: Gateway) -> None:
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    for path, status in (("/v1/realtime", 401), ("/v1/responses", 401), ("/nothing", 426), (CHAT, 426)):
        answer = await get(gateway, path, **headers, sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==")
        assert answer.status == status, path
        assert answer.error["message"]


async def test_a_socket_that_is_asked_for_without_an_upgrade_is_a_426(gateway: Gateway) -> None:
    answer = await get(gateway, "/v1/realtime")
    assert answer.status == 426


PAGES = ["/", "/healthz", "/readyz", "/metrics", "/v1", "/v1/"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_answers_head_as_it_answers_get(gateway: Gateway, path: str) -> None:
    got, head = await get(gateway, path), await get(gateway, path, "HEAD")
    assert got.status == head.status
    assert got.status in (200, 204)
    assert head.body == b""
    assert got.header("content-type") == head.header("content-type")


async def test_readiness_says_what_it_depends_on(gateway: Gateway) -> None:
    state = (await get(gateway, "/readyz")).json()
    assert state == {"ready": True, "database": "ok", "journal": "ok", "companions": {}}


@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/v1/nothing", "/"])
async def test_a_preflight_needs_no_key_and_gets_what_it_asks_for(gateway: Gateway, path: str) -> None:
    asked = "authorization, content-type, x-stainless-os, x-made-up"
    answer = await get(
        gateway,
        path,
        "OPTIONS",
        origin="https://app.example",
        access_control_request_method="POST",
        access_control_request_headers=asked,
        access_control_request_private_network="true",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") in ("*", "https://app.example")
    assert answer.header("access-control-allow-headers") == asked
    assert "POST" in answer.header("access-control-allow-methods")
    assert answer.header("access-control-allow-private-network") == "true"
    assert answer.header("content-length") == ""


async def test_errors_carry_what_a_browser_needs_to_read_them(case: Case) -> None:
    case.gateway.upstream.plays(*whole({"error": {"code": "c"}}, "429 Slow", headers="retry-after: 1\r\n"))
    answers = [
        await case.chat(),
        await case.chat(model="no-such-model"),
        await case.call(case.post(CHAT, b"{")),
        await get(case.gateway, "/v1/nothing"),
        await get(case.gateway, CHAT, "POST"),
        await get(case.gateway, CHAT, "PUT"),
    ]
    assert [answer.status for answer in answers] == [429, 404, 400, 404, 401, 405]
    case.ids = []
    for answer in answers:
        assert answer.header("access-control-allow-origin") == "*"
        assert "x-request-id" in answer.header("access-control-expose-headers")
        assert answer.header("x-request-id")
        assert answer.header("content-type") == "application/json"
        assert answer.header("x-pronghorn-end-reason")


SHAPES: list[tuple[dict[str, str], Any]] = [
    ({"authorization": "Bearer {}"}, lambda found, name: found["data"][0]["id"] == name),
    (
        {"x-api-key": "{}", "anthropic-version": "2023-06-01"},
        lambda found, name: found["data"][0]["type"] == "model" and found["first_id"] == name,
    ),
    ({"x-goog-api-key": "{}"}, lambda found, name: found["models"][0]["name"] == f"models/{name}"),
]


@pytest.mark.parametrize(("headers", "holds"), SHAPES, ids=["openai", "anthropic", "gemini"])
async def test_models_come_in_the_callers_shape(
    gateway: Gateway, headers: dict[str, str], holds: Any
) -> None:
    case = await gateway.case(models=["model-*"])
    given = {name: value.format(case.key) for name, value in headers.items()}
    for path in ("/v1/models", "/models", "/v1/models/"):
        answer = await raw.call(gateway.port, request("GET", path, given))
        assert answer.status == 200
        first = answer.json().get("data", answer.json().get("models"))[0]
        assert holds(answer.json(), first.get("id") or first["name"].removeprefix("models/"))
    one = await raw.call(gateway.port, request("GET", f"/v1/models/{case.model}", given))
    assert case.model in (one.json().get("id"), str(one.json().get("name")).removeprefix("models/"))
    none = await raw.call(gateway.port, request("GET", "/v1/models/no-such-model", given))
    assert (none.status, none.error["code"]) == (404, "model_not_found")
    bare = await raw.call(gateway.port, request("GET", "/v1/models"))
    assert bare.status == 401


async def test_a_model_that_is_misspelt_is_a_404_that_names_the_right_one(case: Case) -> None:
    answer = await case.chat(model=case.model.replace("model", "modle"))
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")
    assert case.model in answer.error["message"]


async def test_a_model_that_a_key_may_not_use_is_a_403(gateway: Gateway) -> None:
    case = await gateway.case(models=["another"])
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (403, "access_denied")
    await case.assert_invariants()
    foreign = await gateway.case(ips=["10.0.0.0/8"])
    answer = await raw.call(gateway.port, foreign.chat_request())
    assert (answer.status, answer.error["code"]) == (403, "access_denied")


async def test_a_model_that_nothing_serves_now_is_a_503(gateway: Gateway) -> None:
    case = await gateway.case(group_name="lonely")
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (503, "no_channel")
    assert int(answer.header("retry-after")) > 0
    assert (await case.row()).end_reason == "no_route"
    await case.assert_invariants()


async def test_a_key_that_has_expired_is_a_401(gateway: Gateway) -> None:
    case = await gateway.case(expires_ms=1)
    answer = await raw.call(gateway.port, case.chat_request())
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


async def test_a_limit_of_ours_is_a_429_that_says_when(gateway: Gateway) -> None:
    case = await gateway.case(rpm=2)
    gateway.upstream.plays(*whole(completion()))
    answers = [await case.chat() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert answers[0].header("x-ratelimit-limit-requests") == "2"
    assert answers[2].error["code"] == "rate_limit_exceeded"
    assert 0 < int(answers[2].header("retry-after")) <= 60
    await case.assert_invariants()


async def test_requests_in_a_row_and_in_one_packet_are_answered_in_order(case: Case) -> None:
    case.gateway.upstream.choose = lambda seen: whole(completion(seen.json()["user"]))
    async with case.open(b"".join(case.chat_request(user=f"number {n}") for n in range(10))) as connection:
        texts = [(await connection.answer()).json()["choices"][0]["message"]["content"] for _ in range(10)]
    assert texts == [f"number {n}" for n in range(10)]
    assert len(await case.rows()) == 10
