"""Plans that are paid from the balance: with the account's own money alone, and once for each click."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from tests.commerce.books import everything
from tests.commerce.business import ACCOUNT, BOOK, Business

from pronghorn.accounts.act import Act
from pronghorn.commerce import purchases
from pronghorn.errors import BadRequest, Conflict, IdempotencyMismatch, PronghornError
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import MAX_NANO
from pronghorn.ledger.audit import audit
from pronghorn.store import Database
from pronghorn.store.models import Account, Entry, Invitation, Order, Plan, Subscription

DAY_S = 86_400


@pytest.fixture
async def business(database: Database) -> Business:
    business = await Business(database, FakeClock()).open()
    await business.plan("basic", 1_000, price=400)
    return business


async def differences(business: Business) -> list[Any]:
    async with business.database.read() as tx:
        return (await audit(tx)).differences


async def refused(
    business: Business, plan: str, kind: type[PronghornError], match: str, key: str = ""
) -> None:
    """For this reason, and nothing has changed then."""
    before = await everything(business.database)
    with pytest.raises(kind, match=match):
        async with business.database.write() as tx:
            await purchases.from_balance(tx, Act("user:usr_1", business.now_ms), ACCOUNT, plan, key)
    assert await everything(business.database) == before


async def clicked(business: Business, database: Database, key: str = "") -> str:
    try:
        async with database.write() as tx:
            act = Act("user:usr_1", business.now_ms)
            bought = await purchases.from_balance(tx, act, ACCOUNT, "basic", key)
    except Conflict as error:
        assert "not bought twice" in error.message
        return "refused"
    return "repeated" if bought.is_repeated else "bought"


async def test_a_plan_costs_its_price_and_brings_one_period(business: Business) -> None:
    await business.pay(400)
    assert await business.buy("basic")
    assert await business.balance() == 1_000
    async with business.database.read() as tx:
        entry = (await tx.execute(select(Entry).where(Entry.kind == "plan"))).one()
        order = (await tx.execute(select(Order))).one()
        subscription = (await tx.execute(select(Subscription))).one()
    assert (entry.debit, entry.credit, entry.amount) == (BOOK, "promotion", 400)
    assert (entry.reference, entry.note) == (f"order:{order.id}", "basic")
    assert (order.provider, order.plan, order.amount, order.status) == ("balance", "basic", 400, "paid")
    assert (subscription.id, subscription.status) == (order.subscription_id, "ending")
    assert await differences(business) == []
    business.clock.advance(31 * DAY_S)
    await business.job()
    await business.job()
    assert await business.entries("allowance") == [1_000], "the next period is not given away"
    assert await business.entries("expiry") == [1_000]
    assert await business.balance() == 0
    assert await differences(business) == []


async def test_one_nano_dollar_less_than_the_price_buys_nothing(business: Business) -> None:
    await business.pay(399)
    await refused(business, "basic", PronghornError, r"costs 0\.0000004 USD.*0\.000000399 USD are free")
    await business.pay(1)
    assert await business.buy("basic")


async def test_the_price_is_never_paid_out_of_another_plans_allowance(business: Business) -> None:
    await business.plan("gift", 5_000)
    await business.subscribe("gift")
    await business.pay(399)
    await refused(business, "basic", PronghornError, "own money 0.000000399 USD are free")
    await business.pay(1)
    business.clock.advance(1)
    assert await business.buy("basic")
    assert await business.balance() == 5_000 + 1_000
    await business.spend(100)
    business.clock.advance(31 * DAY_S)
    await business.job()
    assert sorted(await business.entries("expiry")) == [1_000, 4_900], "the price has used none of it"
    assert await business.balance() == 5_000, "the gift's next period"


async def test_what_was_spent_of_the_allowance_leaves_own_money_to_buy_with(business: Business) -> None:
    await business.plan("gift", 300)
    await business.subscribe("gift")
    await business.pay(500)
    await business.spend(350)
    assert await business.buy("basic")
    assert await business.balance() == 50 + 1_000


@pytest.mark.parametrize("spent", [0, 250, 600])
async def test_what_servers_hold_is_not_taken(business: Business, spent: int) -> None:
    await business.pay(900)
    await business.lease("a", 600)
    if spent:
        business.charge("a", spent)
    await refused(business, "basic", PronghornError, "0.0000003 USD are free")
    await business.give_back("a")
    assert await business.buy("basic") == (spent <= 500)
    await business.post("a")
    assert (await business.amounts()).balance == 900 - spent + (600 if spent <= 500 else 0)


async def test_what_is_held_uses_the_allowance_first(business: Business) -> None:
    await business.plan("gift", 300)
    await business.subscribe("gift")
    await business.pay(500)
    await business.lease("a", 300)
    business.charge("a", 300)
    business.clock.advance(1)
    assert await business.buy("basic")
    await business.post("a")
    assert (await business.amounts()).balance == 100 + 1_000
    business.clock.advance(31 * DAY_S)
    await business.job()
    assert await business.entries("expiry") == [1_000], "nothing of the gift was left"
    assert await business.balance() == 100 + 300


async def test_clicks_at_once_buy_one_plan(business: Business) -> None:
    """On servers with connections of their own."""
    await business.pay(4_000)
    servers = [Database(business.database.url) for _ in range(6)]
    outcomes = await asyncio.gather(*(clicked(business, server) for server in servers * 4))
    for server in servers:
        await server.close()
    assert sorted(outcomes) == ["bought", *["refused"] * 23]
    assert await business.entries("plan") == [400]
    assert await business.balance() == 3_600 + 1_000
    assert await differences(business) == []


async def test_a_second_one_is_bought_a_minute_later_or_by_a_key_of_its_own(business: Business) -> None:
    await business.pay(4_000)
    assert await clicked(business, business.database) == "bought"
    business.clock.advance(59)
    assert await clicked(business, business.database) == "refused"
    assert await clicked(business, business.database, "second") == "bought"
    business.clock.advance(61)
    assert await clicked(business, business.database) == "bought"
    assert await business.entries("plan") == [400] * 3
    assert await business.balance() == 4_000 - 3 * 400 + 3 * 1_000


async def test_other_plans_and_other_accounts_are_no_double_click(business: Business) -> None:
    await business.pay(4_000)
    await business.plan("daily", 50, "day", price=10)
    assert await business.buy("basic")
    assert await business.buy("daily")
    async with business.database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_2", name="b", created_ms=1))
        await tx.execute(update(Order).values(account_id="acc_2"))
    assert await business.buy("basic")


async def test_a_key_buys_once_however_often_and_whenever_it_comes(business: Business) -> None:
    await business.pay(4_000)
    servers = [Database(business.database.url) for _ in range(4)]
    clicks = [(server, key) for server in servers for key in ("one", "two")]
    outcomes = await asyncio.gather(*(clicked(business, server, key) for server, key in clicks * 3))
    for server in servers:
        await server.close()
    assert (outcomes.count("bought"), outcomes.count("repeated")) == (2, 22)
    business.clock.advance(30 * DAY_S)
    async with business.database.write() as tx:
        await tx.execute(update(Plan).values(is_active=False))
    assert await clicked(business, business.database, "one") == "repeated"
    assert await business.entries("plan") == [400] * 2
    await business.plan("daily", 50, "day", price=10)
    await refused(business, "daily", IdempotencyMismatch, "has bought plan 'basic'", key="one")


async def test_what_cannot_be_bought_is_refused_by_name(business: Business) -> None:
    await business.pay(4_000)
    await business.plan("given", 1_000)
    await refused(business, "given", BadRequest, "plan: 'given' has no price")
    await refused(business, "nothing", BadRequest, "plan: there is no plan 'nothing'")
    async with business.database.write() as tx:
        await tx.execute(update(Plan).where(Plan.name == "basic").values(is_active=False))
    await refused(business, "basic", BadRequest, "plan 'basic' takes no new subscriptions")


async def test_an_allowance_that_would_not_fit_is_not_paid_for(business: Business) -> None:
    await business.plan("huge", 2**62, price=1)
    await business.pay(MAX_NANO - 2**61)
    await refused(business, "huge", Conflict, "exceed the largest balance")


async def test_a_click_that_failed_does_not_stand_in_the_way_of_the_next(business: Business) -> None:
    await refused(business, "basic", PronghornError, "costs", key="one")
    await business.pay(400)
    assert await clicked(business, business.database, "one") == "bought"


async def test_own_money_that_moves_on_brings_no_reward(business: Business) -> None:
    """It was one when it came in, or it was given."""
    await business.pay(4_000)
    async with business.database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_2", name="b", created_ms=1))
        promised = {"inviter_account_id": "acc_2", "invitee_account_id": ACCOUNT, "created_ms": 1}
        await tx.execute(insert(Invitation).values(**promised, inviter_reward=2, invitee_reward=1))
    assert await business.buy("basic")
    assert await business.entries("reward") == []


async def test_a_plan_that_is_removed_at_the_same_moment_is_bought_or_gone(business: Business) -> None:
    """Never half: whoever comes first decides."""
    await business.pay(4_000)
    other = Database(business.database.url)

    async def remove() -> bool:
        async with other.write() as tx:
            is_used = select(Subscription.id).where(Subscription.plan == "basic").exists()
            gone = await tx.execute(delete(Plan).where(Plan.name == "basic", ~is_used))
            return bool(gone.rowcount)

    found = await asyncio.gather(business.buy("basic"), remove(), return_exceptions=True)
    await other.close()
    async with business.database.read() as tx:
        left = await tx.scalar(select(func.count()).select_from(Plan)) or 0
        begun = await tx.scalar(select(func.count()).select_from(Subscription)) or 0
    assert left == begun == len(await business.entries("plan")) == (found[0] is True)
    assert await differences(business) == []
