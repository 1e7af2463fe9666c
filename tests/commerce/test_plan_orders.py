"""Orders that buy a plan: begun once, at the terms of the order, and money that cannot buy it stays in the wallet."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.commerce.payments_shop import EXPIRED, PAID, PAID_LATER, Shop
from tests.commerce.payments_stripe import event

from pronghorn.commerce import orders, plans
from pronghorn.commerce.checkout import Bill, Paid
from pronghorn.commerce.jobs import Services
from pronghorn.kit.ids import new_id
from pronghorn.kit.money import MAX_NANO, NANO_PER_USD
from pronghorn.ledger.audit import audit
from pronghorn.ledger.repository import account_book
from pronghorn.store import Database
from pronghorn.store.models import Audit, Entry, Invitation, Order, Wallet

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = 86_400
TOP_UP, PRICE, ALLOWANCE = ("top_up", 40), ("plan", -40), ("allowance", 50)


async def make_plan(shop: Shop, **changes: Any) -> str:
    name = new_id("team")
    wanted = {"name": name, "allowance_usd": "50", "price_usd": "40", "period": "week"} | changes
    response = await shop.manage("POST", "/plans", wanted)
    assert response.status_code == 201, response.text
    return str(wanted["name"])


async def order_plan(shop: Shop, plan: str, provider: str = "stripe", **more: Any) -> dict[str, Any]:
    wanted = {"account_id": shop.account, "plan": plan, "provider": provider} | more
    response = await shop.manage("POST", "/orders", wanted)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def booked(shop: Shop) -> list[tuple[str, int]]:
    """Kind and whole dollars of what moved in the account's book, in turn; the whole ledger adds up."""
    book = account_book(shop.account)
    mine = (Entry.credit == book) | (Entry.debit == book)
    async with shop.gateway.database.read() as tx:
        assert (await audit(tx)).differences == []
        rows = (await tx.execute(select(Entry).where(mine, Entry.mode == "live").order_by(Entry.id))).all()
    return [(row.kind, row.amount // NANO_PER_USD * (1 if row.credit == book else -1)) for row in rows]


async def subscriptions(shop: Shop) -> list[dict[str, Any]]:
    return list((await shop.manage("GET", f"/subscriptions?account_id={shop.account}")).json()["items"])


async def why_not(shop: Shop, order: dict[str, Any]) -> str:
    """What the audit says of a plan that was paid and could not be begun."""
    async with shop.gateway.database.read() as tx:
        found = select(Audit.detail).where(
            Audit.subject == order["id"], Audit.action == "subscription.refuse"
        )
        return str((await tx.scalars(found)).one()["reason"])


async def check_stayed_a_top_up(shop: Shop, order: dict[str, Any]) -> None:
    assert await booked(shop) == [TOP_UP]
    assert await shop.balance_usd() == "40.00"
    shown = await shop.shown(order)
    assert (shown["status"], shown["subscription_id"]) == ("paid", None)
    assert await subscriptions(shop) == []
    assert await shop.audits(order) == ["order.create", "order.pay", "subscription.refuse"]


async def test_what_is_ordered_is_shown(shop: Shop) -> None:
    plan = await make_plan(shop)
    by_stripe, by_epay = await order_plan(shop, plan), await order_plan(shop, plan, "epay", method="wxpay")
    for order, price, currency in ((by_stripe, "40.00", "USD"), (by_epay, "292.00", "CNY")):
        assert (order["plan"], order["subscription_id"], order["status"]) == (plan, None, "open")
        assert (order["amount_usd"], order["price"], order["currency"]) == ("40.00", price, currency)
    (asked,) = shop.stripe.asked
    assert asked.form["line_items[0][price_data][unit_amount]"] == "4000"
    assert asked.form["line_items[0][price_data][product_data][name]"] == f"Plan {plan}"
    assert "name=Plan+team" in by_epay["pay_url"]
    listed = (await shop.manage("GET", f"/orders?account_id={shop.account}")).json()["items"]
    assert {item["id"]: item["plan"] for item in listed} == {by_stripe["id"]: plan, by_epay["id"]: plan}
    assert (await shop.order("stripe"))["plan"] is None
    assert await booked(shop) == []


@pytest.mark.parametrize("provider", ["stripe", "epay"])
async def test_a_notice_that_comes_twenty_times_at_once_begins_one_period(shop: Shop, provider: str) -> None:
    order = await order_plan(shop, await make_plan(shop), provider)
    if provider == "stripe":
        kinds = (PAID, PAID_LATER, EXPIRED, PAID)
        outcomes = await asyncio.gather(*(shop.event(kinds[n % 4], order) for n in range(20)))
        assert outcomes.count("paid") == 1 and set(outcomes) <= {"paid", "repeated", "ended"}
    else:
        notice = shop.notice(order)
        answers = await asyncio.gather(*(shop.notify(notice, ("GET", "POST")[n % 2]) for n in range(20)))
        assert set(answers) == {(200, "success")}
    assert await booked(shop) == [TOP_UP, PRICE, ALLOWANCE]
    assert await shop.balance_usd() == "50.00"
    (subscription,) = await subscriptions(shop)
    assert (subscription["plan"], subscription["status"]) == (order["plan"], "ending")
    assert (subscription["allowance_usd"], subscription["left_usd"]) == ("50.00", "50.00")
    assert subscription["period_end"] > subscription["period_start"] == subscription["started_at"]
    assert (await shop.shown(order))["subscription_id"] == subscription["id"]
    paid = [action for action in await shop.audits(order) if action != "order.expire"]
    assert paid == ["order.create", "order.pay"]
    assert await shop.audits(subscription) == ["subscription.create"]


async def test_servers_at_once_begin_one_period(shop: Shop) -> None:
    """Each with connections of its own, as processes have them; two orders of the account between each other."""
    plan = await make_plan(shop)
    first, second = await order_plan(shop, plan, "epay"), await order_plan(shop, plan, "epay")
    servers = [Database(shop.gateway.database.url) for _ in range(6)]

    async def tell(server: Database, order: dict[str, Any]) -> str:
        async with server.write() as tx:
            paid = Paid(order["id"], 29_200, "CNY", f"trade_{order['id']}")
            return await orders.apply(tx, "epay", paid, 1_780_000_000_000)

    tellings = [tell(server, order) for server in servers * 3 for order in (first, second)]
    outcomes = await asyncio.gather(*tellings)
    for server in servers:
        await server.close()
    assert (outcomes.count("paid"), outcomes.count("repeated")) == (2, 34)
    assert sorted(await booked(shop)) == sorted([TOP_UP, PRICE, ALLOWANCE] * 2)
    assert len(await subscriptions(shop)) == 2


async def test_a_bought_plan_ends_with_its_period(shop: Shop) -> None:
    order = await order_plan(shop, await make_plan(shop))
    await shop.event(PAID, order)
    shop.clock.advance(7 * DAY_S)
    gateway = shop.gateway
    services = Services(gateway.database, gateway.secrets, gateway.settings, gateway.clock)
    for _ in range(2):
        await plans.run(services)
    assert await booked(shop) == [TOP_UP, PRICE, ALLOWANCE, ("expiry", -50)]
    assert [one["status"] for one in await subscriptions(shop)] == ["ended"]


async def test_a_plan_that_was_retired_meanwhile_is_a_top_up(shop: Shop) -> None:
    plan = await make_plan(shop)
    order = await order_plan(shop, plan)
    await shop.manage("PATCH", f"/plans/{plan}", {"active": False})
    assert await shop.event(PAID, order) == "paid"
    assert f"plan '{plan}' takes no new subscriptions" in await why_not(shop, order)
    await check_stayed_a_top_up(shop, order)
    await shop.manage("PATCH", f"/plans/{plan}", {"active": True})
    assert await shop.event(PAID, order) == "repeated"
    await check_stayed_a_top_up(shop, order)


async def test_a_plan_that_was_removed_meanwhile_is_a_top_up(shop: Shop) -> None:
    plan = await make_plan(shop)
    order = await order_plan(shop, plan, "epay")
    assert (await shop.manage("DELETE", f"/plans/{plan}")).status_code == 204
    assert await shop.notify(shop.notice(order)) == (200, "success")
    assert f"there is no plan '{plan}'" in await why_not(shop, order)
    await check_stayed_a_top_up(shop, order)


@pytest.mark.parametrize(("waited_s", "bought"), [(2 * DAY_S, True), (2 * DAY_S + 1, False)])
async def test_the_terms_of_an_order_hold_until_it_expires(shop: Shop, waited_s: int, bought: bool) -> None:
    plan = await make_plan(shop)
    order = await order_plan(shop, plan, "epay")
    await shop.manage("PATCH", f"/plans/{plan}", {"price_usd": "90"})
    shop.clock.advance(waited_s)
    assert await shop.notify(shop.notice(order)) == (200, "success")
    if bought:
        assert await booked(shop) == [TOP_UP, PRICE, ALLOWANCE]
    else:
        assert "the order came to its end at" in await why_not(shop, order)
        await check_stayed_a_top_up(shop, order)


async def test_an_allowance_that_does_not_fit_leaves_a_top_up(shop: Shop) -> None:
    """Whatever stands in the way of the plan, not of the money."""
    order = await order_plan(shop, await make_plan(shop))
    almost_all = MAX_NANO - 45 * NANO_PER_USD
    wallet = (Wallet.account_id == shop.account, Wallet.mode == "live")
    async with shop.gateway.database.write() as tx:
        await tx.execute(update(Wallet).where(*wallet).values(balance=almost_all))
    assert await shop.event(PAID, order) == "paid"
    async with shop.gateway.database.write() as tx:
        await tx.execute(update(Wallet).where(*wallet).values(balance=Wallet.balance - almost_all))
    assert "exceed the largest balance" in await why_not(shop, order)
    await check_stayed_a_top_up(shop, order)


@pytest.mark.parametrize("remade", [False, True])
async def test_the_terms_are_those_of_the_order(shop: Shop, remade: bool) -> None:
    plan = await make_plan(shop)
    order = await order_plan(shop, plan)
    worse = {"allowance_usd": "5", "price_usd": "90"}
    if remade:
        assert (await shop.manage("DELETE", f"/plans/{plan}")).status_code == 204
        await make_plan(shop, name=plan, period="day", **worse)
    else:
        await shop.manage("PATCH", f"/plans/{plan}", worse)
    assert await shop.event(PAID, order) == "paid"
    assert await booked(shop) == [TOP_UP, PRICE, ALLOWANCE]
    (subscription,) = await subscriptions(shop)
    assert subscription["allowance_usd"] == "50.00"
    days = int(subscription["period_end"][8:10]) - int(subscription["period_start"][8:10])
    assert days % 30 in (6, 7, 8), "a week, over the end of a month or not"
    new = await order_plan(shop, plan)
    assert (new["amount_usd"], new["price"]) == ("90.00", "90.00")


async def test_another_price_than_the_orders_is_refused_and_books_nothing(shop: Shop) -> None:
    plan = await make_plan(shop)
    order = await order_plan(shop, plan)
    await shop.manage("PATCH", f"/plans/{plan}", {"price_usd": "1"})
    body = event(PAID, shop.session(order), amount_total=100)
    assert (await shop.webhook(body)).status_code == 409
    assert await booked(shop) == []
    assert await shop.event(PAID, order) == "paid"


async def test_an_expired_order_that_is_paid_late_begins_its_plan(shop: Shop) -> None:
    order = await order_plan(shop, await make_plan(shop))
    assert await shop.event(EXPIRED, order) == "ended"
    assert await subscriptions(shop) == []
    assert await shop.event(PAID_LATER, order) == "paid"
    assert await booked(shop) == [TOP_UP, PRICE, ALLOWANCE]


async def test_money_that_comes_for_a_plan_is_a_first_payment_for_invitations(shop: Shop) -> None:
    invitee = shop.account
    await shop.open_account()
    inviter, shop.account = shop.account, invitee
    values = {"inviter_account_id": inviter, "invitee_account_id": invitee, "created_ms": 1}
    rewards = {"inviter_reward": 2 * NANO_PER_USD, "invitee_reward": NANO_PER_USD}
    async with shop.gateway.database.write() as tx:
        await tx.execute(insert(Invitation).values(**values, **rewards))
    plan = await make_plan(shop)
    for _ in range(2):
        assert await shop.event(PAID, await order_plan(shop, plan)) == "paid"
    assert sorted(await booked(shop)) == sorted([("reward", 1), *[TOP_UP, PRICE, ALLOWANCE] * 2])
    shop.account = inviter
    assert await booked(shop) == [("reward", 2)]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({}, "amount_usd"),
        ({"amount_usd": "20.00", "plan": "{plan}"}, "plan"),
        ({"plan": "nothing"}, "plan"),
        ({"plan": ""}, "plan"),
        ({"plan": "{free}"}, "plan"),
        ({"plan": "{retired}"}, "plan"),
        ({"plan": "x" * 201}, "plan"),
        ({"plan": 7}, "plan"),
        ({"plan": "{plan}", "currency": "EUR"}, "currency"),
        ({"plan": "{plan}", "provider": "balance"}, "provider"),
        ({"plan": "{plan}", "account_id": "acc_unknown"}, "account_id"),
    ],
    ids=str,
)
async def test_what_cannot_be_bought_is_refused_by_name(
    shop: Shop, wanted: dict[str, Any], param: str
) -> None:
    made = {
        "plan": await make_plan(shop),
        "free": await make_plan(shop, price_usd="0"),
        "retired": await make_plan(shop),
    }
    await shop.manage("PATCH", f"/plans/{made['retired']}", {"active": False})
    if isinstance(wanted.get("plan"), str):
        wanted = wanted | {"plan": wanted["plan"].format(**made)}
    response = await shop.manage(
        "POST", "/orders", {"account_id": shop.account, "provider": "stripe"} | wanted
    )
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert shop.stripe.asked == []
    assert (await shop.manage("GET", f"/orders?account_id={shop.account}")).json()["items"] == []


async def test_a_plan_may_cost_less_or_more_than_any_top_up(shop: Shop) -> None:
    for price in ("0.50", "20000.00"):
        order = await order_plan(shop, await make_plan(shop, price_usd=price))
        assert (order["amount_usd"], order["price"]) == (price, price)


async def test_a_title_is_never_longer_than_gateways_keep() -> None:
    long = Bill("ord_1", 1, 1, "CNY", "", plans.Offer("月" * 200, 1, 1, "month"))
    assert len(long.title.encode()) <= 127
    assert Bill("ord_1", 2 * NANO_PER_USD, 1, "CNY", "").title == "Top-up 2.00 USD"


async def test_orders_from_before_are_top_ups(shop: Shop) -> None:
    """Rows that were there when the columns came."""
    order = await shop.order("epay")
    async with shop.gateway.database.read() as tx:
        row = (await tx.execute(select(Order).where(Order.id == order["id"]))).one()
    assert (row.plan, row.plan_allowance, row.plan_period, row.subscription_id) == (None,) * 4
    assert await shop.notify(shop.notice(order)) == (200, "success")
    assert await booked(shop) == [("top_up", 20)]
