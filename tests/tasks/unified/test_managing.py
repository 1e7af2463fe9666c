"""`/manage/v1/tasks`: what the operator sees of tasks, cancels and gives back, on both databases."""

import asyncio
from typing import Any

import pytest
from tests.tasks import parts
from tests.tasks.unified.stand import SONG, Caller, Stand

from pronghorn.tasks import refunding
from pronghorn.tasks.family import load

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = 100_000_000
USD_10 = 10 * 10**9


async def _sung(stand: Stand) -> tuple[Caller, str]:
    """A live song that was made, and charged."""
    caller = await stand.somebody("live")
    task_id = await caller.sing("a secret song of mine")
    for upstream_id in list(stand.studio.jobs):
        stand.studio.say(upstream_id, "SUCCESS", progress="100%", data=SONG)
    await caller.until(task_id, "succeeded")
    return caller, task_id


async def _refused(stand: Stand, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = await stand.manage.call(method, f"/manage/v1{path}", body)
    return answer.status, answer.body["error"]["code"]


async def test_the_operator_sees_channel_attempts_hold_and_cost_and_nothing_of_the_prompt(
    stand: Stand,
) -> None:
    caller, task_id = await _sung(stand)
    task = await stand.managed("GET", f"/tasks/{task_id}")
    (channel,) = (await stand.managed("GET", "/channels"))["items"]
    assert (task["account_id"], task["key_id"], task["mode"]) == (caller.account, caller.key_id, "live")
    assert (task["vendor"], task["action"], task["status"], task["progress"]) == (
        *("suno", "music", "succeeded", 100),
    )
    assert (task["channel"], task["upstream_id"][:3]) == (channel["id"], "up-")
    assert (task["hold_usd"], task["held_usd"], task["cost_usd"], task["refunded_usd"]) == (
        *("0.10", "0.00", "0.10", "0.00"),
    )
    (attempt,) = task["attempts"]
    assert (attempt["channel"], attempt["status"]) == (channel["id"], 200)
    assert task["explain"][0]["unit_usd"] == "0.1"
    row = await stand.managed("GET", f"/requests/{task['request_id']}")
    assert (row["cost_usd"], row["explain"]) == ("0.10", task["explain"])
    assert "secret song" not in str(task) and "cdn.example" not in str(task)


async def test_an_open_task_has_its_money_set_aside(stand: Stand) -> None:
    caller = await stand.somebody("live")
    task = await stand.managed("GET", f"/tasks/{await caller.sing()}")
    assert (task["status"], task["hold_usd"], task["held_usd"], task["cost_usd"]) == (
        *("queued", "0.10", "0.10", "0.00"),
    )
    assert (task["explain"], task["finished_at"], task["has_callback"]) == ([], None, False)


async def test_tasks_are_listed_newest_first_and_filtered(stand: Stand) -> None:
    account = await stand.account("both")
    live, test = await stand.caller(account, "live"), await stand.caller(account)
    song, stuck = await live.sing(), await test.sing("stuck")
    await test.until(stuck, "running")

    async def found(query: str) -> list[str]:
        items = (await stand.managed("GET", f"/tasks?account_id={account}&{query}"))["items"]
        return [task["id"] for task in items]

    assert await found("") == [stuck, song]
    assert await found("mode=live") == [song]
    assert await found(f"key_id={test.key_id}") == [stuck]
    assert await found("status=running") == [stuck]
    assert await found("channel=sandbox&vendor=suno&action=music") == [stuck]
    assert await found("action=lyrics") == []
    assert await found(f"parent_id={song}") == []
    page = await stand.managed("GET", f"/tasks?account_id={account}&limit=1")
    assert await found(f"cursor={page['next']}") == [song]
    until = (await stand.managed("GET", f"/tasks/{stuck}"))["created_at"]
    assert (await found(f"until={until}"), await found(f"since={until}")) == ([song], [stuck])
    assert await _refused(stand, "GET", "/tasks?status=done") == (400, "invalid_request_error")


async def test_a_cost_is_given_back_once_as_an_entry_of_its_own(stand: Stand) -> None:
    caller, task_id = await _sung(stand)
    assert await stand.balance(caller.account) == USD_10 - PRICE
    task = await stand.managed("POST", f"/tasks/{task_id}/refund", {"note": "it was silent"})
    assert (task["refunded_usd"], task["cost_usd"], task["status"]) == ("0.10", "0.10", "succeeded")
    assert await stand.managed("POST", f"/tasks/{task_id}/refund", {"note": "again"}) == task
    assert await stand.balance(caller.account) == USD_10
    (entry,) = await stand.entries(caller.account, "refund")
    assert (entry.amount, entry.debit, entry.credit) == (PRICE, "revenue", f"account:{caller.account}")
    assert (entry.reference, entry.note, entry.mode) == (f"refund:{task_id}", "it was silent", "live")
    row = await stand.managed("GET", f"/requests/{task['request_id']}")
    assert row["cost_usd"] == "0.10"
    assert (await stand.managed("GET", f"/keys/{caller.key_id}"))["spent_usd"] == "0.10"
    assert await stand.audited("task.refund", task_id) == 1
    await parts.check_books(stand.gateway)


async def test_twenty_refunds_at_the_same_moment_give_back_once(stand: Stand) -> None:
    caller, task_id = await _sung(stand)
    path = f"/manage/v1/tasks/{task_id}/refund"
    answers = await asyncio.gather(
        *(stand.manage.call("POST", path, {"note": str(number)}) for number in range(20))
    )
    assert {answer.status for answer in answers} == {200}
    assert await stand.balance(caller.account) == USD_10
    assert len(await stand.entries(caller.account, "refund")) == 1
    assert await stand.audited("task.refund", task_id) == 1


async def test_test_money_is_given_back_as_test_money(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing()
    await caller.until(task_id, "succeeded")
    before, live = await stand.balance(caller.account, "test"), await stand.balance(caller.account)
    await stand.managed("POST", f"/tasks/{task_id}/refund", {})
    assert await stand.balance(caller.account, "test") == before + PRICE
    assert await stand.balance(caller.account) == live


async def test_what_is_open_or_cost_nothing_cannot_be_given_back(stand: Stand) -> None:
    caller = await stand.somebody()
    stuck, failed = await caller.sing("stuck"), await caller.sing("fail")
    await caller.until(failed, "failed")
    assert await _refused(stand, "POST", f"/tasks/{stuck}/refund", {}) == (409, "not_ended")
    assert await _refused(stand, "POST", f"/tasks/{failed}/refund", {}) == (409, "nothing_charged")
    assert await _refused(stand, "POST", "/tasks/nothing/refund", {}) == (404, "not_found")
    too_long = {"note": "n" * 2001}
    assert (await _refused(stand, "POST", f"/tasks/{failed}/refund", too_long))[0] == 400
    amount = {"amount_usd": "100"}
    assert (await _refused(stand, "POST", f"/tasks/{failed}/refund", amount))[0] == 400
    assert await stand.entries(caller.account, "refund") == []


async def test_the_operator_cancels_a_task_of_anybody_once(stand: Stand) -> None:
    caller = await stand.somebody("live")
    task_id = await caller.sing()
    asked = stand.studio.cancellations
    first = await stand.managed("POST", f"/tasks/{task_id}/cancel")
    assert (first["status"], first["held_usd"], first["cost_usd"]) == ("cancelled", "0.00", "0.00")
    assert await stand.managed("POST", f"/tasks/{task_id}/cancel") == first
    assert stand.studio.cancellations == asked + 1
    assert await stand.audited("task.cancel", task_id) == 1
    assert (await caller.get(f"/v1/tasks/{task_id}"))["status"] == "cancelled"


async def test_what_cannot_be_cancelled_is_told_and_leaves_no_trace(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing("stuck")
    assert await _refused(stand, "POST", f"/tasks/{task_id}/cancel") == (409, "not_cancellable")
    assert await _refused(stand, "POST", "/tasks/nothing/cancel") == (404, "not_found")
    assert await stand.audited("task.cancel", task_id) == 0


@pytest.mark.parametrize("name", sorted(load()))
async def test_the_reference_of_a_refund_fits_its_column(name: str) -> None:
    assert len(refunding.reference(load()[name].new_id(1_780_000_000_000))) <= 80
