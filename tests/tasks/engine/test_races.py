"""Pollers, callbacks, a cancellation and the deadline at the same moment: one end, one settlement, whoever is first."""

import asyncio
import contextlib
import random

import msgspec
import pytest
from tests.tasks.engine.house import PRICE, House

from pronghorn.errors import Conflict, PronghornError
from pronghorn.tasks import waking
from pronghorn.tasks.engine import Engine
from pronghorn.tasks.repository import CLAIM_MS

SONG = [{"id": "clip-1", "status": "complete", "audio_url": "https://cdn.example/1.mp3"}]
USD_10 = 10 * 10**9
SEEDS = 25


async def race(house: House, seed: int) -> None:
    dice = random.Random(seed)
    view = await house.submit()
    (upstream_id,) = {row.upstream_id for row in await house.rows() if row.id == view.id}
    if dice.random() < 0.5:
        house.studio.say(upstream_id, "IN_PROGRESS", progress="50%")
        await house.look()
    house.studio.say(upstream_id, dice.choice(["SUCCESS", "FAILURE", "IN_PROGRESS"]), data=SONG)
    is_late = dice.random() < 0.5
    house.clock.advance(3_000 if is_late else 30)

    async def look(worker: Engine) -> None:
        await asyncio.sleep(dice.random() / 500)
        while await worker.round():
            await worker.settle()

    async def call_back() -> None:
        await asyncio.sleep(dice.random() / 500)
        async with house.database.write() as tx:
            await waking.wake(tx, view.id, int(house.clock.now() * 1000), None)

    async def cancel() -> None:
        await asyncio.sleep(dice.random() / 500)
        found = await house.server.find(view.id)
        assert found is not None
        with contextlib.suppress(PronghornError):
            await house.server.cancel(found)

    doing = [look(house.new_worker(1)), look(house.new_worker(2)), *(call_back() for _ in range(3))]
    if dice.random() < 0.7:
        doing += [cancel(), cancel()]
    dice.shuffle(doing)
    await asyncio.gather(*doing)
    await house.look(5_000)
    await house.look(CLAIM_MS / 1000)


async def test_whoever_comes_first_a_task_ends_once(house: House) -> None:
    ends = set()
    for seed in range(SEEDS):
        await race(house, seed)
        rows = await house.rows()
        assert all(row.finished_ms for row in rows), f"seed {seed}"
        assert await house.pending() == 0, f"seed {seed}"
        paid = sum(row.cost for row in rows)
        assert await house.balance() == USD_10 - paid, f"seed {seed}"
        assert all(row.cost == PRICE for row in rows if row.state == "succeeded"), f"seed {seed}"
        assert all(row.cost == 0 for row in rows if row.state == "failed"), f"seed {seed}"
        ends |= {row.state for row in rows}
    assert ends == {"succeeded", "failed", "cancelled"}
    log = await house.log()
    assert len(log) == SEEDS
    assert sum(row.cost for row in log) == sum(row.cost for row in await house.rows())
    await house.check_books()


async def test_a_worker_that_slept_changes_nothing_any_more(house: House) -> None:
    await house.submit()
    house.studio.say("up-1", "FAILURE", fail_reason="seen before it slept")
    sleeper, other = house.new_worker(1), house.new_worker(2)
    house.studio.gate = asyncio.Event()
    house.clock.advance(30)
    assert await sleeper.round() == 1
    while house.studio.fetches < 1:
        await asyncio.sleep(0.01)
    gate, house.studio.gate = house.studio.gate, None
    house.studio.say("up-1", "SUCCESS", fail_reason="", data=SONG)
    await house.look(CLAIM_MS / 1000 + 1, other)
    assert [row.state for row in await house.rows()] == ["succeeded"]
    gate.set()
    await sleeper.settle()
    (row,) = await house.rows()
    assert (row.state, row.reason, row.cost) == ("succeeded", "", PRICE)
    await house.check_books()


async def test_two_workers_never_look_at_the_same_task_at_the_same_time(house: House) -> None:
    for _ in range(40):
        await house.submit()
    house.clock.advance(30)
    workers = [house.new_worker(seed) for seed in range(4)]
    taken = await asyncio.gather(*(worker.round() for worker in workers))
    await asyncio.gather(*(worker.settle() for worker in workers))
    assert sum(taken) == 40
    assert all(row.polls == 1 for row in await house.rows())


async def test_who_cancels_a_task_that_is_being_submitted_does_not_lose_it(house: House) -> None:
    house.studio.submit_gate = asyncio.Event()
    submitting = asyncio.create_task(house.submit())
    while not house.studio.jobs:
        await asyncio.sleep(0.01)
    (row,) = await house.rows()
    view = await house.server.find(row.id)
    assert view is not None and view.upstream_id is None
    with pytest.raises(Conflict) as told:
        await house.server.cancel(view)
    assert told.value.code_word == "not_cancellable"
    house.studio.submit_gate.set()
    assert (await submitting).upstream_id == "up-1"
    house.studio.say("up-1", "SUCCESS", data=SONG)
    await house.look()
    assert [(row.state, row.cost) for row in await house.rows()] == [("succeeded", PRICE)]
    await house.check_books()


async def test_what_began_since_it_was_looked_at_is_cancelled_as_what_it_is(house: House) -> None:
    view = await house.submit()
    house.studio.say("up-1", "IN_PROGRESS", progress="50%")
    await house.look()
    assert view.state == "queued"
    ended = await house.server.cancel(view)
    assert (ended.state, ended.cost, house.studio.cancellations) == ("cancelled", PRICE, 1)
    await house.check_books()


async def test_a_dialog_that_was_answered_meanwhile_is_stopped_at_its_vendor(house: House) -> None:
    view = await house.submit()
    stale = msgspec.structs.replace(view, state="waiting_input")
    ended = await house.server.cancel(stale)
    assert (ended.state, ended.cost, house.studio.cancellations) == ("cancelled", 0, 1)
    assert await house.balance() == USD_10
    await house.check_books()


@pytest.mark.nightly
async def test_a_thousand_races(house: House) -> None:
    await house.pay_in(100)
    for seed in range(SEEDS, 1_000):
        await race(house, seed)
        assert await house.pending() == 0, f"seed {seed}"
    await house.check_books()
