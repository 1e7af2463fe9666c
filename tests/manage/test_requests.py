"""The usage log and the ledger, after real calls through a channel that was made by the management API."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.gateway import Vendor, answer_json
from tests.manage.installed import Manage

from pronghorn.ledger import posting

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "upstream",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}


class Calls:
    """An account with a key, a channel to a scripted vendor, and one call that went well and one that did not."""

    def __init__(self, manage: Manage, account: str, key: dict[str, Any], channel: str) -> None:
        self.manage = manage
        self.account = account
        self.key = key
        self.channel = channel
        self.ids: list[str] = []

    async def chat(self, model: str) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
        headers = {"authorization": f"Bearer {self.key['key']}"}
        response = await self.manage.http.post("/v1/chat/completions", json=body, headers=headers)
        self.ids.append(response.headers["x-request-id"])
        self.manage.clock.advance(1)

    async def post(self) -> None:
        gateway = self.manage.gateway
        await posting.post_all(gateway.database, gateway.settings.data / "journal", gateway.clock)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(manage: Manage) -> AsyncIterator[Calls]:
    vendor = Vendor()
    url = await vendor.start()
    account = await manage.account(usd="5.00")
    key = await manage.post("/keys", account_id=account, name="k", mode="live")
    models = {"house": "upstream", "broken": "broken"}
    channel = await manage.post("/channels", name="c", vendor="openai", base_url=url, models=models)
    for model in models:
        await manage.put(f"/prices/{model}", input_usd_per_million="0.15", output_usd_per_million="0.6")
    calls = Calls(manage, account, key, channel["id"])
    vendor.script = answer_json(ANSWER)
    await calls.chat("house")
    vendor.script = answer_json({"error": {"message": "no"}}, b"500 Internal Server Error")
    await calls.chat("broken")
    await calls.post()
    yield calls
    await vendor.close()


async def test_a_row_says_what_happened_and_how_its_cost_came_about(calls: Calls) -> None:
    row = await calls.manage.get(f"/requests/{calls.ids[0]}")
    assert (row["id"], row["status"], row["end_reason"], row["finish"]) == (calls.ids[0], 200, "ok", "stop")
    assert (row["account_id"], row["key_id"]) == (calls.account, calls.key["id"])
    assert (row["model"], row["upstream_model"], row["channel"]) == ("house", "upstream", calls.channel)
    assert (row["mode"], row["group"], row["stream"]) == ("live", "default", False)
    assert {name: row["usage"][name] for name in ("input", "output")} == {"input": 9, "output": 2}
    assert (row["cost_usd"], row["shortfall_usd"]) == ("0.00000255", "0.00")
    assert row["created_at"] == "2026-05-28T20:26:40.000Z"
    assert [(attempt["channel"], attempt["status"]) for attempt in row["attempts"]] == [(calls.channel, 200)]
    assert row["explain"][:2] == [
        {"component": "input", "units": 9, "unit_usd": "0.00000015", "factor": "1"},
        {"component": "output", "units": 2, "unit_usd": "0.0000006", "factor": "1"},
    ]


async def test_a_failed_request_is_in_the_log_and_costs_nothing(calls: Calls) -> None:
    row = await calls.manage.get(f"/requests/{calls.ids[1]}")
    assert (row["status"], row["end_reason"], row["cost_usd"]) == (502, "upstream_error", "0.00")
    assert row["usage"]["input"] == row["usage"]["output"] == 0


async def test_the_log_lists_newest_first_and_filters(calls: Calls) -> None:
    house, broken = calls.ids

    async def found(query: str) -> list[str]:
        return [row["id"] for row in await calls.manage.items(f"/requests?{query}")]

    assert await found(f"account_id={calls.account}") == [broken, house]
    assert await found(f"key_id={calls.key['id']}&limit=1") == [broken]
    assert await found(f"channel={calls.channel}&model=house") == [house]
    assert await found("end_reason=ok") == [house]
    assert await found("mode=live") == [broken, house]
    assert await found("mode=test") == []
    assert await found("account_id=acc_none") == []
    assert await found("until=2026-05-28T20:26:41Z") == [house]
    assert await found("since=2026-05-28T20:26:41Z") == [broken]


async def test_the_charge_is_in_the_ledger_on_the_key_and_on_the_account(calls: Calls) -> None:
    (charge,) = await calls.manage.items(f"/entries?account_id={calls.account}&kind=charge")
    assert (charge["amount_usd"], charge["debit"]) == ("0.00000255", f"account:{calls.account}")
    assert (charge["credit"], charge["reference"]) == ("revenue", f"charge:{calls.ids[0]}")
    assert (await calls.manage.get(f"/keys/{calls.key['id']}"))["spent_usd"] == "0.00000255"
    account = await calls.manage.get(f"/accounts/{calls.account}")
    assert account["spent_usd"] == "0.00000255"
    assert (account["balance_usd"], account["held_usd"]) == ("4.99999745", "0.00")


async def test_a_request_that_is_not_in_the_log_is_said_to_be(calls: Calls) -> None:
    message = (await calls.manage.refused(404, "GET", "/requests/req_none"))["message"]
    assert "req_none" in message


async def test_a_revoked_keys_requests_stay(calls: Calls) -> None:
    key = await calls.manage.post("/keys", account_id=calls.account, name="gone", mode="live")
    gone = Calls(calls.manage, calls.account, key, calls.channel)
    await gone.chat("house")
    await calls.manage.delete(f"/keys/{key['id']}")
    await gone.post()
    assert [row["id"] for row in await calls.manage.items(f"/requests?key_id={key['id']}")] == gone.ids
