"""A user buys a plan by the dashboard API: from the balance, by Stripe, by Epay; once, and only who may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import newapi
import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, update
from tests.commerce.payments_shop import EPAY_PID, EPAY_URL, epay_sign, shop_settings
from tests.commerce.payments_stripe import CHECKOUT, event, signature, standing_in
from tests.gateway import running
from tests.portal.stand import Person, Site, call, data, refused

from pronghorn.kit.ids import new_id
from pronghorn.kit.money import NANO_PER_USD, format_usd, parse_usd
from pronghorn.ledger.audit import audit
from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAYING = ("balance", "stripe", "epay")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    with standing_in() as stripe:
        settings = shop_settings(stripe.url)
        async with running(tmp_path_factory.mktemp("plans"), **settings) as run:
            site = Site(run)
            run.check_money = site.check_money  # type: ignore[method-assign]
            site.stripe = stripe
            yield site
            await site.close()


@pytest_asyncio.fixture(loop_scope="module")
async def ada(shop: Site) -> Person:
    """Somebody new, with 10 USD."""
    return await shop.add(new_id("ada").lower(), usd=10)


async def offer(shop: Site, price: str = "4.00", name: str = "", **changes: Any) -> str:
    """A plan of 5 USD a month; gives its name."""
    name = name or new_id("plan")
    values = {"allowance": 5 * NANO_PER_USD, "period": "month", "price": parse_usd(price), "created_ms": 1}
    async with shop.gateway.database.write() as tx:
        await tx.execute(insert(tables.Plan).values(values | {"name": name} | changes))
    return name


async def number(browser: httpx.AsyncClient, plan: str) -> int:
    shown = await data(browser, "/api/subscription/plans")
    return next(int(each["plan"]["id"]) for each in shown if each["plan"]["title"] == plan)


async def usd(shop: Site, person: Person) -> str:
    """In the wallet and with servers. The whole ledger adds up."""
    async with shop.gateway.database.read() as tx:
        assert (await audit(tx)).differences == []
    standing = (await shop.gateway.credit.standing([person.account], "live"))[person.account]
    return format_usd(standing.balance)


async def kinds(shop: Site, person: Person) -> list[str]:
    found = await shop.manage(f"/entries?account_id={person.account}")
    return [entry["kind"] for entry in found["items"]][::-1]


async def test_the_client_of_the_family_buys_from_the_balance(shop: Site, ada: Person) -> None:
    plan, client = await offer(shop), await shop.logged_in(ada)
    (plan_id,) = [each.id for each in await call(client.subscriptions.plans) if each.title == plan]
    await call(client.subscriptions.purchase_with_balance, plan_id)
    (own,) = await call(client.subscriptions.active)
    assert (own.subscription.plan_id, own.subscription.amount_total) == (plan_id, 5 * 500_000)
    assert (await call(client.balance)).quota == (10 - 4 + 5) * 500_000
    (order,) = (await call(client.topup.orders)).items
    assert (order.amount, order.money, order.status, order.payment_method) == (0, 4, "success", "balance")
    assert order.plan == plan
    taken = (await call(client.logs, log_type="manage")).items
    assert [(line.quota, plan in line.content) for line in taken] == [(4 * 500_000, True)]
    assert await kinds(shop, ada) == ["deposit", "plan", "allowance"]
    assert await usd(shop, ada) == "11.00"
    shown = await shop.manage(f"/orders/{order.trade_no}")
    assert (shown["provider"], shown["plan"], shown["price"]) == ("balance", plan, "4.00")


async def test_two_clicks_at_once_buy_one_plan(shop: Site, ada: Person) -> None:
    plan, browser = await offer(shop, "2.00"), await shop.session(ada)
    wanted = {"plan_id": await number(browser, plan)}
    clicks = (browser.post("/api/subscription/balance/pay", json=wanted) for _ in range(6))
    answers = [answer.json() for answer in await asyncio.gather(*clicks)]
    assert [answer["success"] for answer in answers].count(True) == 1
    told = {answer["message"] for answer in answers if not answer["success"]}
    assert len(told) == 1 and "bought within the last minute" in told.pop()
    assert await kinds(shop, ada) == ["deposit", "plan", "allowance"]
    assert await usd(shop, ada) == "13.00"


async def test_a_click_with_a_key_gets_the_same_answer_again(shop: Site, ada: Person) -> None:
    plan, browser = await offer(shop, "2.00"), await shop.session(ada)
    wanted = {"plan_id": await number(browser, plan)}

    async def click(key: str) -> Any:
        headers = {"idempotency-key": key}
        return await data(browser, "/api/subscription/balance/pay", "POST", json=wanted, headers=headers)

    first, *others = await asyncio.gather(*(click("one") for _ in range(5)))
    assert all(other == first for other in others)
    assert (await click("two"))["trade_no"] != first["trade_no"]
    assert await usd(shop, ada) == "16.00"
    headers = {"idempotency-key": "x" * 256}
    path = "/api/subscription/balance/pay"
    assert "Idempotency-Key" in await refused(browser, "POST", path, json=wanted, headers=headers)


async def test_too_little_own_money_changes_nothing(shop: Site, ada: Person) -> None:
    cheap, dear, browser = await offer(shop, "8.00"), await offer(shop, "2.01"), await shop.session(ada)
    path = "/api/subscription/balance/pay"
    await data(browser, path, "POST", json={"plan_id": await number(browser, cheap)})
    before = await kinds(shop, ada)
    message = await refused(browser, "POST", path, json={"plan_id": await number(browser, dear)})
    assert "costs 2.01 USD; of the account's own money 2.00 USD are free, allowances not counted" in message
    assert await kinds(shop, ada) == before
    assert await usd(shop, ada) == "7.00"


async def test_what_this_server_has_leased_is_free_to_buy_with(shop: Site, ada: Person) -> None:
    await shop.chat(ada)
    async with shop.gateway.database.read() as tx:
        mine = tables.Lease.account_id == ada.account
        leased = await tx.scalar(select(tables.Lease.amount).where(mine))
    assert leased
    plan, browser = await offer(shop, "9.99"), await shop.session(ada)
    await data(
        browser, "/api/subscription/balance/pay", "POST", json={"plan_id": await number(browser, plan)}
    )
    await shop.post()
    assert await kinds(shop, ada) in (
        ["deposit", "charge", "plan", "allowance"],
        ["deposit", "plan", "allowance", "charge"],
    )


async def test_stripe_is_paid_and_the_plan_begins_once(shop: Site, ada: Person) -> None:
    plan, client = await offer(shop), await shop.logged_in(ada)
    browser = await shop.session(ada)
    link = await call(client.subscriptions.stripe_pay, await number(browser, plan))
    assert link.startswith(CHECKOUT)
    assert shop.stripe.asked[-1].form["line_items[0][price_data][product_data][name]"] == f"Plan {plan}"[:40]
    (order,) = (await call(client.topup.orders)).items
    assert (order.amount, order.money, order.status, order.plan) == (0, 4, "pending", plan)
    assert await call(client.subscriptions.active) == ()
    body = event("checkout.session.completed", shop.stripe.sessions[order.trade_no])
    async with shop.http() as http:
        headers = {"stripe-signature": signature(body, shop.gateway.clock.now())}
        notices = (http.post("/pay/stripe/webhook", content=body, headers=headers) for _ in range(20))
        answers = await asyncio.gather(*notices)
    assert sorted(answer.text for answer in answers) == ["paid", *["repeated"] * 19]
    assert len(await call(client.subscriptions.active)) == 1
    assert await kinds(shop, ada) == ["deposit", "top_up", "plan", "allowance"]
    assert await usd(shop, ada) == "15.00"


async def test_epay_gets_a_signed_form_and_a_retired_plan_becomes_a_top_up(shop: Site, ada: Person) -> None:
    plan, browser = await offer(shop), await shop.session(ada)
    wanted = {"plan_id": await number(browser, plan), "payment_method": "wxpay"}
    answer = (await browser.post("/api/subscription/epay/pay", json=wanted)).json()
    form = answer["data"]
    assert (answer["message"], answer["url"]) == ("success", f"{EPAY_URL}/submit.php")
    assert (form["type"], form["money"], form["name"]) == ("wxpay", "29.20", f"Plan {plan}"[:40])
    assert form["sign"] == epay_sign(form)
    async with shop.gateway.database.write() as tx:
        await tx.execute(update(tables.Plan).where(tables.Plan.name == plan).values(is_active=False))
    notice = {
        "pid": EPAY_PID,
        "trade_no": f"T{form['out_trade_no']}",
        "out_trade_no": form["out_trade_no"],
        "type": "wxpay",
        "name": form["name"],
        "money": form["money"],
        "trade_status": "TRADE_SUCCESS",
    }
    notice |= {"sign": epay_sign(notice), "sign_type": "MD5"}
    async with shop.http() as http:
        for _ in range(2):
            assert (await http.get(f"/pay/epay/notify?{urlencode(notice)}")).text == "success"
    (order,) = (await data(browser, "/api/user/topup/self"))["items"]
    assert (order["amount"], order["money"], order["status"]) == (4, 29.2, "success")
    assert (await data(browser, "/api/subscription/self"))["all_subscriptions"] == []
    assert await kinds(shop, ada) == ["deposit", "top_up"]
    assert await usd(shop, ada) == "14.00"


@pytest.mark.parametrize("way", PAYING)
async def test_a_member_does_not_buy_for_the_account(shop: Site, ada: Person, way: str) -> None:
    member = await shop.add(new_id("bob").lower(), account=ada.account, role="member")
    admin = await shop.add(new_id("eve").lower(), account=ada.account, role="admin")
    plan, browser = await offer(shop), await shop.session(member)
    wanted = {"plan_id": await number(browser, plan)}
    asked = len(shop.stripe.asked)
    message = await refused(browser, "POST", f"/api/subscription/{way}/pay", 403, json=wanted)
    assert "owners and admins" in message
    assert len(shop.stripe.asked) == asked
    assert await kinds(shop, ada) == ["deposit"]
    allowed = await (await shop.session(admin)).post(f"/api/subscription/{way}/pay", json=wanted)
    assert allowed.json().get("success") or allowed.json()["message"] == "success"


@pytest.mark.parametrize("way", PAYING)
async def test_who_is_not_logged_in_buys_nothing(shop: Site, way: str) -> None:
    async with shop.http() as http:
        await refused(http, "POST", f"/api/subscription/{way}/pay", 401, json={"plan_id": 1})


@pytest.mark.parametrize("way", PAYING)
async def test_what_is_not_on_offer_is_refused_in_words(shop: Site, ada: Person, way: str) -> None:
    retired, free, browser = await offer(shop), await offer(shop, "0"), await shop.session(ada)
    path = f"/api/subscription/{way}/pay"
    old, gift = await number(browser, retired), await number(browser, free)
    async with shop.gateway.database.write() as tx:
        await tx.execute(update(tables.Plan).where(tables.Plan.name == retired).values(is_active=False))
    assert "takes no new subscriptions" in await refused(browser, "POST", path, json={"plan_id": old})
    assert "has no price" in await refused(browser, "POST", path, json={"plan_id": gift})
    for wrong in (10**9, ada.name, 0, -1, 1.5, None, 2**60):
        assert "plan_id" in await refused(browser, "POST", path, json={"plan_id": wrong})
    assert "plan_id" in await refused(browser, "POST", path, json={})
    assert await kinds(shop, ada) == ["deposit"]


async def test_a_number_means_the_same_plan_when_another_was_removed(shop: Site, ada: Person) -> None:
    """Somebody may have the page open since before."""
    first, second, browser = await offer(shop), await offer(shop), await shop.session(ada)
    wanted, gone = await number(browser, second), await number(browser, first)
    async with shop.gateway.database.write() as tx:
        await tx.execute(delete(tables.Plan).where(tables.Plan.name == first))
    assert await number(browser, second) == wanted
    path = "/api/subscription/balance/pay"
    assert "there is no plan" in await refused(browser, "POST", path, json={"plan_id": gone})
    assert (await data(browser, path, "POST", json={"plan_id": wanted}))["plan"] == second


async def test_the_preference_is_what_it_is(shop: Site, ada: Person) -> None:
    client = await shop.logged_in(ada)
    kept = await call(client.subscriptions.set_preference, "subscription_first")
    assert kept.to_dict() == {"billing_preference": "subscription_first"}
    for other in ("balance_first", "subscription_only"):
        with pytest.raises(newapi.APIError, match="there is only 'subscription_first' here"):
            await call(client.subscriptions.set_preference, other)
    assert (await call(client.subscriptions.self)).billing_preference == "subscription_first"


async def test_what_is_not_switched_on_is_said_first(shop: Site, site: Site) -> None:
    """On another gateway, without any provider."""
    name = new_id("eve").lower()
    browser = await site.session(await site.add(name))
    for way in ("stripe", "epay"):
        path = f"/api/subscription/{way}/pay"
        assert "not switched on" in await refused(browser, "POST", path, json={"plan_id": 1})
