"""A balance is never overspent, whatever the concurrency, and whoever waits for it is served in turn."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import completion, whole

from pronghorn.kit.money import NANO_PER_USD

pytestmark = pytest.mark.asyncio(loop_scope="module")

PER_CALL = {"per_call_usd": "0.001"}


async def released_at_once(case: Case, count: int) -> list[RawAnswer]:
    """So many calls at the same time; the vendor answers once no more of them arrive."""
    release = asyncio.Event()
    case.gateway.upstream.plays(release, *whole(completion()))
    calls = [asyncio.ensure_future(case.chat()) for _ in range(count)]
    seen, since, last = case.gateway.upstream.seen, time.monotonic(), -1
    while time.monotonic() - since < 0.3:
        await asyncio.sleep(0.01)
        if len(seen) != last:
            last, since = len(seen), time.monotonic()
    release.set()
    return await asyncio.gather(*calls)


async def test_ten_of_a_hundred_calls_are_served_for_ten_calls_money(gateway: Gateway) -> None:
    case = await gateway.case(usd=0.01, price=PER_CALL)
    answers = await released_at_once(case, 100)
    good = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(good) == 10
    assert {(answer.status, answer.error["code"]) for answer in refused} == {(402, "insufficient_quota")}
    assert {answer.header("x-should-retry") for answer in refused} == {"false"}
    assert {answer.header("retry-after") for answer in refused} == {""}
    assert len(gateway.upstream.seen) == 10
    rows = await case.rows()
    assert sum(row.cost for row in rows) == NANO_PER_USD // 100
    assert {row.end_reason for row in rows} == {"ok", "no_credit"}
    await case.assert_invariants()
    standing = (await gateway.inner.credit.standing([case.account], "live"))[case.account]
    assert standing.balance == 0


async def test_a_keys_budget_is_never_exceeded(gateway: Gateway) -> None:
    case = await gateway.case(usd=10, price=PER_CALL, budget=NANO_PER_USD // 200)
    answers = await released_at_once(case, 50)
    assert [answer.status for answer in answers].count(200) == 5
    assert {answer.error["code"] for answer in answers if answer.status == 402} == {"insufficient_quota"}
    assert {answer.status for answer in answers} == {200, 402}
    await case.assert_invariants()
    (own,) = case.grant.budgets
    window = await gateway.inner.credit.standing_of(own.window(0.0))
    assert (window.spent, window.balance) == (NANO_PER_USD // 200, 0)


async def test_the_refused_do_not_wait_once_nothing_can_help_them(gateway: Gateway) -> None:
    """Holds settled for all that there was: those in line are told at once, not after their whole wait."""
    case = await gateway.case(usd=0.002, price=PER_CALL)
    begun = time.monotonic()
    answers = await released_at_once(case, 20)
    took = time.monotonic() - begun
    assert [answer.status for answer in answers].count(200) == 2
    assert took < 1.5
    await case.assert_invariants()


async def test_whoever_waits_is_served_when_holds_settle(gateway: Gateway) -> None:
    """Money for one hold at a time, but for twenty calls: all twenty are served, one after the other."""
    case = await gateway.case(usd=0.001)
    case.gateway.upstream.plays(*whole(completion()))
    answers = await asyncio.gather(*(case.chat(max_tokens=400) for _ in range(20)))
    assert [answer.status for answer in answers].count(200) == 20
    await case.assert_invariants()


async def test_a_small_request_is_not_stuck_behind_a_large_one_that_gives_up(tmp_path: Path) -> None:
    """First come, first served; but whoever leaves the line lets the next one look."""
    async with running(tmp_path, low_balance="refuse") as gateway:
        case = await gateway.case(usd=0.002)
        release = asyncio.Event()
        usage = {"prompt_tokens": 1, "completion_tokens": 400}
        gateway.upstream.plays(release, *whole(completion(usage=usage)))
        first = asyncio.ensure_future(case.chat(max_tokens=900))
        await gateway.upstream.reached()
        large, small = (asyncio.ensure_future(case.chat(max_tokens=limit)) for limit in (910, 300))
        async with asyncio.timeout(5):
            while len(case.grant.purse.waiters) < 2:
                await asyncio.sleep(0.005)
        release.set()
        begun = time.monotonic()
        answers = await asyncio.gather(first, small)
        assert time.monotonic() - begun < 0.5
        assert [answer.status for answer in answers] == [200, 200]
        assert (await large).status == 402
        await case.assert_invariants()


@pytest.mark.parametrize("member", ["max_tokens", "max_completion_tokens", None])
async def test_a_low_balance_lowers_the_limit_and_says_so(gateway: Gateway, member: str | None) -> None:
    case = await gateway.case(usd=0.001, max_output_tokens=4_000)
    gateway.upstream.plays(*whole(completion()))
    limits = {"max_tokens": ...} | ({member: 3_000} if member else {})
    answer = await case.chat(**limits)
    assert answer.status == 200
    adjusted = int(answer.header("x-pronghorn-adjusted").removeprefix("max_tokens="))
    assert 16 <= adjusted < 500
    sent = json.loads(gateway.upstream.seen[0].body)
    assert sent[member or "max_completion_tokens"] == adjusted
    row = await case.row()
    assert row.hold <= NANO_PER_USD // 1_000
    assert adjusted * 2_000 <= row.hold
    await case.assert_invariants()


async def test_a_balance_for_less_than_16_tokens_is_a_402(gateway: Gateway) -> None:
    case = await gateway.case(usd=0.00008)
    gateway.upstream.plays(*whole(completion()))
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (402, "insufficient_quota")
    assert gateway.upstream.seen == []
    await case.assert_invariants()


async def test_an_account_without_money_is_a_402(gateway: Gateway) -> None:
    case = await gateway.case(usd=0)
    gateway.upstream.plays(*whole(completion()))
    for is_stream in (False, True):
        answer = await case.chat(stream=is_stream)
        assert (answer.status, answer.header("x-should-retry")) == (402, "false")
    assert gateway.upstream.seen == []
    await case.assert_invariants()


async def test_a_free_model_needs_no_money(gateway: Gateway) -> None:
    case = await gateway.case(usd=0, price={"input_usd_per_million": "0", "output_usd_per_million": "0"})
    gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
    await case.assert_invariants()


async def test_a_model_without_a_price_is_not_served(gateway: Gateway) -> None:
    case = await gateway.case(price=None)
    gateway.upstream.plays(*whole(completion()))
    answer = await case.chat()
    assert (answer.status, answer.error["code"]) == (400, "model_price_missing")
    assert gateway.upstream.seen == []
    await case.assert_invariants()


async def test_a_withdrawal_takes_what_is_leased_but_not_what_is_held(gateway: Gateway) -> None:
    case = await gateway.case(usd=1)
    release = asyncio.Event()
    gateway.upstream.plays(release, *whole(completion()))
    calling = asyncio.ensure_future(case.chat())
    await gateway.upstream.reached()
    held = case.grant.purse.held
    assert held > 0
    await gateway.pay(case.account, -(NANO_PER_USD - held))
    release.set()
    assert (await calling).status == 200
    await case.assert_invariants()


async def test_a_price_changed_in_the_middle_holds_from_the_next_request(gateway: Gateway) -> None:
    from sqlalchemy import update

    from pronghorn.store import models as tables
    from pronghorn.store import revision

    case = await gateway.case()
    release = asyncio.Event()
    gateway.upstream.plays(release, *whole(completion()))
    calling = asyncio.ensure_future(case.chat())
    await gateway.upstream.reached()
    dearer = {"input_usd_per_million": "100", "output_usd_per_million": "200"}
    async with gateway.inner.database.write() as tx:
        await tx.execute(
            update(tables.Price).where(tables.Price.model == case.model).values(components=dearer)
        )
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    release.set()
    await calling
    await case.chat()
    assert [row.cost for row in await case.rows()] == [20_000, 2_000_000]
    await case.assert_invariants()
