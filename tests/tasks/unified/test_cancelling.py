"""Cancelling: the vendor is asked, the task ends once, and its money is settled once, whoever asks how often."""

import asyncio
import uuid
from typing import Any

import pytest
from tests.tasks.unified.stand import Caller, Stand

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = 100_000_000
USD_10 = 10 * 10**9


async def _cancel(caller: Caller, task_id: str, **headers: str) -> Any:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return await caller.call("POST", f"/v1/tasks/{task_id}/cancel", headers=found)


async def _singing(stand: Stand) -> tuple[Caller, str]:
    """A live song that the vendor has taken and not begun."""
    caller = await stand.somebody("live")
    return caller, await caller.sing()


async def test_a_task_is_cancelled_at_its_vendor_and_costs_nothing_before_it_began(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    asked = stand.studio.cancellations
    answer = await _cancel(caller, task_id)
    assert answer.status == 200
    assert (answer.body["status"], answer.body["cost_usd"], answer.body["error"]) == (
        *("cancelled", "0.00", None),
    )
    assert answer.body["finished_at"] is not None
    assert stand.studio.cancellations == asked + 1
    assert await stand.balance(caller.account) == USD_10
    assert answer.body == await caller.get(f"/v1/tasks/{task_id}")


async def test_cancelling_twice_has_one_effect_and_answers_the_same(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    first = await _cancel(caller, task_id)
    asked = stand.studio.cancellations
    for _ in range(3):
        again = await _cancel(caller, task_id)
        assert (again.status, again.body) == (first.status, first.body)
    assert stand.studio.cancellations == asked
    assert await stand.entries(caller.account, "charge") == []


async def test_ten_at_the_same_moment_have_one_effect(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    answers = await asyncio.gather(*(_cancel(caller, task_id) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.body["status"] for answer in answers} == {"cancelled"}
    assert await stand.balance(caller.account) == USD_10


async def test_a_vendor_that_stops_nothing_twice_makes_no_difference(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    stand.studio.is_strict = True
    answers = await asyncio.gather(*(_cancel(caller, task_id) for _ in range(10)))
    stand.studio.is_strict = False
    assert {(answer.status, answer.body.get("status")) for answer in answers} == {(200, "cancelled")}


async def test_a_song_that_had_begun_is_charged_once_however_often_it_is_cancelled(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    upstream_id = max(stand.studio.jobs, key=lambda one: int(one.removeprefix("up-")))
    stand.studio.say(upstream_id, "IN_PROGRESS", progress="40%")
    await caller.until(task_id, "running")
    answers = [await _cancel(caller, task_id) for _ in range(2)]
    assert [answer.body["cost_usd"] for answer in answers] == ["0.10", "0.10"]
    assert [entry.amount for entry in await stand.entries(caller.account, "charge")] == [PRICE]
    assert await stand.balance(caller.account) == USD_10 - PRICE


async def test_an_idempotency_key_repeats_the_answer(stand: Stand) -> None:
    caller, task_id = await _singing(stand)
    once = str(uuid.uuid4())
    first = await _cancel(caller, task_id, idempotency_key=once)
    again = await _cancel(caller, task_id, idempotency_key=once)
    assert again.body == first.body
    assert again.headers["x-pronghorn-idempotent-replay"] == "true"
    assert again.headers["x-request-id"] == first.headers["x-request-id"]


async def test_what_has_ended_stays_as_it_is(stand: Stand) -> None:
    caller = await stand.somebody()
    done = await caller.until(await caller.sing(), "succeeded")
    answer = await _cancel(caller, done["id"])
    assert (answer.status, answer.body) == (200, done)


async def test_where_the_vendor_cannot_stop_it_says_so_and_it_goes_on(stand: Stand) -> None:
    caller = await stand.somebody()
    task_id = await caller.sing()
    answer = await _cancel(caller, task_id)
    assert (answer.status, answer.error["code"], answer.error["type"]) == (
        *(409, "not_cancellable", "conflict"),
    )
    assert (await caller.until(task_id, "succeeded"))["cost_usd"] == "0.10"
