"""List prices with a mark-up and factors of groups, as a running gateway charges and explains them."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update
from tests.faults.harness import PRICE, Case, Gateway
from tests.faults.upstream import DONE, FINISH, ONE, ROLE, STREAM_HEAD, USED, chunk, completion, whole

from pronghorn.accounts.act import Act
from pronghorn.manage.services import markups
from pronghorn.manage.services.groups import GroupChange, NewGroup, change, create
from pronghorn.manage.services.markups import MarkupChange
from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTED = 10 * 1_000 + 5 * 2_000
"""What the vendor's usage costs by the list."""
OPERATOR = Act("cli", 0)


async def listed_case(gateway: Gateway, **key: Any) -> Case:
    """A model with a list price."""
    case = await gateway.case(price=None, **key)
    async with gateway.inner.database.write() as tx:
        row = {"model": case.model, "source": "list", "components": PRICE, "updated_ms": 0}
        await tx.execute(insert(tables.Price).values(**row))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    return case


def recomputed(row: Any) -> int:
    terms = [
        Decimal(line["units"] * line["pico_usd"]) * line["factor_ppm"] / 1_000_000 for line in row.explain
    ]
    return -int(-sum(terms) // 1_000)


async def test_what_changes_in_the_middle_of_a_request_holds_from_the_next_one(gateway: Gateway) -> None:
    """T44: price, mark-up and factor are those of the admission, and each row says which they were."""
    async with gateway.inner.database.write() as tx:
        await create(tx, OPERATOR, NewGroup(name="default"))
        await create(tx, OPERATOR, NewGroup(name="pool", factor="0.9"))
    case = await listed_case(gateway, group_name="pool")
    await _serve(gateway, case, "pool")
    more = asyncio.Event()
    gateway.upstream.plays(
        *(STREAM_HEAD, chunk(ROLE), chunk(ONE), more),
        *(chunk(FINISH), chunk(USED), chunk(DONE), b"0\r\n\r\n"),
    )
    calling = asyncio.ensure_future(case.chat(stream=True))
    await gateway.upstream.reached()
    async with gateway.inner.database.write() as tx:
        await markups.change(tx, OPERATOR, MarkupChange(factor="1.5"))
        await change(tx, OPERATOR, "pool", GroupChange(account_factors={"default": "0.7"}))
    await gateway.inner.loader.refresh()
    more.set()
    assert (await calling).is_whole
    gateway.upstream.plays(*whole(completion()))
    assert (await case.chat()).status == 200
    begun_before, begun_after = await case.rows()
    assert begun_before.cost == recomputed(begun_before) == LISTED * 9 // 10
    assert begun_after.cost == recomputed(begun_after) == LISTED * 15 * 7 // 100
    assert {line.get("markup") for line in begun_before.explain} == {None}
    assert {line.get("markup") for line in begun_after.explain} == {"1.5"}
    assert {line["factor_ppm"] for line in begun_before.explain} == {900_000}
    assert {line["factor_ppm"] for line in begun_after.explain} == {700_000}
    await case.assert_invariants()


async def _serve(gateway: Gateway, case: Case, group: str) -> None:
    """The case's channel is for the group `default`; let it serve this one too."""
    async with gateway.inner.database.write() as tx:
        mine = tables.Channel.id.startswith(f"chn_{case.account.removeprefix('acc_')}_")
        await tx.execute(update(tables.Channel).where(mine).values(groups=["default", group]))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()


async def test_a_hold_covers_the_mark_up(gateway: Gateway) -> None:
    """The most that an answer can cost is set aside with the mark-up in it: nothing is left to the operator."""
    async with gateway.inner.database.write() as tx:
        await markups.change(tx, OPERATOR, MarkupChange(factor="10"))
    case = await listed_case(gateway)
    full = {"prompt_tokens": 40, "completion_tokens": 100, "total_tokens": 140}
    gateway.upstream.plays(*whole(completion(usage=full)))
    assert (await case.chat(max_tokens=100)).status == 200
    row = await case.row()
    assert (row.cost, row.shortfall) == ((40 * 1_000 + 100 * 2_000) * 10, 0)
    assert row.cost <= row.hold
    await case.assert_invariants()
