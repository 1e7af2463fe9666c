"""Money comes in by the client of other gateways: orders at both providers, redeem codes, plans."""

from collections.abc import AsyncIterator
from decimal import Decimal

import newapi
import pytest
import pytest_asyncio
from sqlalchemy import insert
from tests.commerce.payments_shop import EPAY_URL, epay_sign, shop_settings
from tests.commerce.payments_stripe import CHECKOUT, event, signature, standing_in
from tests.gateway import running
from tests.portal.stand import Site, call, data, refused

from pronghorn.accounts.act import Act
from pronghorn.commerce import codes, plans
from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    with standing_in() as stripe:
        settings = shop_settings(stripe.url)
        async with running(tmp_path_factory.mktemp("shop"), **settings) as run:
            site = Site(run)
            run.check_money = site.check_money  # type: ignore[method-assign]
            site.stripe = stripe
            await site.add("ada")
            yield site
            await site.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shop: Site) -> newapi.NewAPI:
    return await shop.logged_in(shop.people["ada"])


async def test_what_can_be_paid_with_is_told(client: newapi.NewAPI) -> None:
    info = await call(client.topup.info)
    assert (info.enable_online_topup, info.enable_stripe_topup, info.min_topup) == (True, True, 1)
    assert [method.type for method in info.pay_methods] == ["alipay", "wxpay"]


async def test_epay_gets_a_signed_form(client: newapi.NewAPI) -> None:
    assert await call(client.payment.epay_amount, 10) == Decimal("73.00")
    link = await call(client.payment.epay_pay, 10, "wxpay")
    form = link.params.to_dict()
    assert link.url == f"{EPAY_URL}/submit.php"
    assert (form["type"], form["money"]) == ("wxpay", "73.00")
    assert form["sign"] == epay_sign(form)


async def test_a_stripe_order_is_paid_once_and_listed(shop: Site, client: newapi.NewAPI) -> None:
    assert await call(client.payment.stripe_amount, 12) == Decimal("12.00")
    link = await call(client.payment.stripe_pay, 12, success_url="https://evil.example")
    assert link.startswith(CHECKOUT)
    assert "evil" not in str(shop.stripe.asked[-1].form)
    (order,) = [
        order for order in (await call(client.topup.orders)).items if order.payment_method == "stripe"
    ]
    assert (order.amount, order.money, order.status) == (12, 12, "pending")
    (made,) = shop.stripe.sessions.values()
    body = event("checkout.session.completed", made)
    async with shop.http() as http:
        for _ in range(2):
            headers = {"stripe-signature": signature(body, shop.gateway.clock.now())}
            answer = await http.post("/pay/stripe/webhook", content=body, headers=headers)
            assert answer.status_code == 200, answer.text
        # Payment providers read statuses, not envelopes.
        assert (await http.post("/pay/stripe/webhook", content=body)).status_code == 401
    (paid,) = (await call(client.topup.orders, keyword=order.trade_no)).items
    assert (paid.id, paid.status) == (order.id, "success") and paid.complete_time > 0
    assert (await call(client.balance)).quota == 12 * 500_000
    assert (await call(client.topup.orders, keyword="%")).total == 0


@pytest.mark.parametrize("amount", [0, -1, 1.5, "10", 10**9, None])
async def test_a_bad_amount_is_refused_by_name(shop: Site, amount: object) -> None:
    browser = await shop.session(shop.people["ada"])
    for path in ("/api/user/amount", "/api/user/pay", "/api/user/stripe/amount", "/api/user/stripe/pay"):
        assert "amount" in await refused(browser, "POST", path, json={"amount": amount})


async def test_a_code_is_redeemed_once(shop: Site, client: newapi.NewAPI) -> None:
    before = (await call(client.balance)).quota
    async with shop.gateway.database.write() as tx:
        act = Act("cli", int(shop.gateway.clock.now() * 1000))
        _, (made,) = await codes.create(
            tx, act, shop.gateway.secrets, name="card", count=1, amount=3_000_000_000
        )
    assert (await call(client.topup.redeem, made.code.lower())).quota == 3 * 500_000
    assert (await call(client.balance)).quota == before + 3 * 500_000
    with pytest.raises(newapi.APIError, match="redeemed by this account already"):
        await call(client.topup.redeem, made.code)
    with pytest.raises(newapi.APIError, match="code"):
        await call(client.topup.redeem, "PH-AAAA-BBBB-CCCC-DDDD")
    assert (await call(client.logs, log_type="system")).items[0].quota == 3 * 500_000


async def test_tries_of_codes_are_counted(shop: Site) -> None:
    eve = await shop.add("eve")
    browser = await shop.session(eve)
    for _ in range(20):
        await refused(browser, "POST", "/api/user/topup", json={"key": "PH-AAAA-BBBB-CCCC-DDDD"})
    await refused(browser, "POST", "/api/user/topup", 429, json={"key": "PH-AAAA-BBBB-CCCC-DDDD"})


async def test_a_plan_and_what_is_used_of_it_can_be_read(shop: Site, client: newapi.NewAPI) -> None:
    now_ms = int(shop.gateway.clock.now() * 1000)
    async with shop.gateway.database.write() as tx:
        for name, is_active in (("old", False), ("basic", True)):
            await tx.execute(
                insert(tables.Plan).values(
                    name=name,
                    allowance=5_000_000_000,
                    period="month",
                    price=4_990_000_000,
                    is_active=is_active,
                    created_ms=0 if name == "old" else 1,
                )
            )
        await plans.subscribe(tx, "acc_ada", "basic", "UTC", now_ms)
    (plan,) = await call(client.subscriptions.plans)
    assert (plan.title, plan.price_amount) == ("basic", 4.99)
    assert plan.total_amount == 5 * 500_000
    (own,) = await call(client.subscriptions.active)
    subscription = own.subscription
    assert (subscription.plan_id, subscription.status) == (plan.id, "active")
    assert (subscription.amount_total, subscription.amount_used) == (5 * 500_000, 0)
    browser = await shop.session(shop.people["eve"])
    assert (await data(browser, "/api/subscription/self"))["all_subscriptions"] == []
