"""What apps ask for beside their chats: the balance under every spelling, without a charge or a row in the log."""

import pytest
from tests.faults import raw
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer, request
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def get(
    case: Case, path: str, method: str = "GET", body: bytes | None = None, **more: str
) -> RawAnswer:
    headers = {"authorization": f"Bearer {case.key}"} | {n.replace("_", "-"): v for n, v in more.items()}
    return await raw.call(case.gateway.port, request(method, path, headers, body))


async def test_a_content_type_where_there_is_no_body_is_ignored(case: Case) -> None:
    for kind in ("application/json", "text/plain", "multipart/form-data"):
        assert (await get(case, "/v1/models", content_type=kind)).status == 200
        gone = await get(case, "/v1/responses/resp_none", "DELETE", b"", content_type=kind)
        assert (gone.status, gone.error["type"]) == (404, "invalid_request_error")


BALANCES = ("dashboard/billing/subscription", "dashboard/billing/usage", "dashboard/billing/credit_grants")


async def test_the_balance_is_what_was_paid_in_and_spent_under_every_spelling(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
    cost_usd = (await case.row()).cost / 10**9
    assert cost_usd > 0
    for prefix in ("/v1/", "/", "//v1/", "/v1/v1/"):
        subscription, usage, grants = [
            (await get(case, f"{prefix}{path}?start_date=2026-01-01&end_date=2026-12-31")).json()
            for path in BALANCES
        ]
        assert subscription["hard_limit_usd"] == pytest.approx(10)
        assert usage["total_usage"] == pytest.approx(cost_usd * 100), "in cents"
        assert grants["total_available"] == pytest.approx(10 - cost_usd)
    data = (await get(case, "/api/usage/token/")).json()["data"]
    assert data["total_available"] == int((10 - cost_usd) * 500_000)
    for path in (*(f"/v1/{path}" for path in BALANCES), "/api/usage/token"):
        stranger = await raw.call(case.gateway.port, request("GET", path))
        assert (stranger.status, stranger.error["code"]) == (401, "invalid_api_key")
        assert (await get(case, path, "POST", b"")).status == 405


async def test_a_question_about_the_balance_is_no_request(gateway: Gateway) -> None:
    """Nor is a list of models: neither counts against a limit or stands in the log."""
    case = await gateway.case(rpm=1)
    for _ in range(3):
        assert (await get(case, "/v1/dashboard/billing/usage")).status == 200
        assert (await get(case, "/v1/models")).status == 200
    gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
    assert len(await case.rows()) == 1
    await case.assert_invariants()
