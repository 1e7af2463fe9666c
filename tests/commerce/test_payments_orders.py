"""Orders: what may be ordered, what is shown of it, and what becomes of those that nobody pays."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.commerce.payments_shop import EPAY_KEY, PAID, Shop, shop_settings
from tests.commerce.payments_stripe import SECRET_KEY, WEBHOOK_SECRET

from pronghorn import settings as settings_module
from pronghorn.commerce import orders
from pronghorn.commerce.jobs import Services
from pronghorn.commerce.orders import Wanted
from pronghorn.errors import BadRequest
from pronghorn.settings import Settings, SettingsError

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"amount_usd": "0"}, "amount_usd"),
        ({"amount_usd": "-20"}, "amount_usd"),
        ({"amount_usd": "0.999999999"}, "amount_usd"),
        ({"amount_usd": "10000.000000001"}, "amount_usd"),
        ({"amount_usd": "20.0000000001"}, "amount_usd"),
        ({"amount_usd": "99999999999999999999"}, "amount_usd"),
        ({"amount_usd": "NaN"}, "amount_usd"),
        ({"amount_usd": "1e3"}, "amount_usd"),
        ({"amount_usd": 20}, "amount_usd"),
        ({"account_id": "acc_unknown"}, "account_id"),
        ({"provider": "paypal"}, "provider"),
        ({"currency": "EUR"}, "currency"),
        ({"provider": "epay", "currency": "USD"}, "currency"),
        ({"provider": "epay", "method": "no such&sign="}, "method"),
        ({"method": "alipay"}, "method"),
        ({"status": "paid"}, "status"),
    ],
    ids=str,
)
async def test_what_cannot_be_ordered_is_refused_by_name(
    shop: Shop, wanted: dict[str, Any], param: str
) -> None:
    good = {"account_id": shop.account, "amount_usd": "20.00", "provider": "stripe"}
    response = await shop.manage("POST", "/orders", good | wanted)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert param in response.json()["error"]["message"]
    assert shop.stripe.asked == []
    assert (await shop.manage("GET", f"/orders?account_id={shop.account}")).json()["items"] == []


async def test_limits_may_be_met_exactly(shop: Shop) -> None:
    for usd in ("1", "10000"):
        assert (await shop.order("stripe", usd))["status"] == "open"


async def test_without_its_rate_a_currency_cannot_be_paid(tmp_path: Path) -> None:
    configured = Settings(data=tmp_path, **shop_settings("", top_up_rates=("USD=1",)))
    with pytest.raises(BadRequest, match="'CNY' has no rate here; those with one: USD"):
        orders.bill(configured, Wanted("acc_1", "20", "epay"))


async def test_orders_are_listed_by_account_and_status(shop: Shop) -> None:
    one, two = await shop.order("stripe"), await shop.order("epay")
    assert await shop.event(PAID, one) == "paid"
    mine = f"/orders?account_id={shop.account}"

    async def listed(query: str) -> set[str]:
        return {item["id"] for item in (await shop.manage("GET", mine + query)).json()["items"]}

    assert await listed("") == {one["id"], two["id"]}
    assert await listed("&status=paid") == {one["id"]}
    assert await listed("&status=open") == {two["id"]}
    assert await listed("&status=expired") == set()
    assert (await shop.manage("GET", mine + "&status=lost")).status_code == 400
    assert (await shop.manage("GET", "/orders/ord_unknown")).status_code == 404
    shown = await shop.shown(two)
    assert shown == two
    everything = (await shop.manage("GET", "/orders")).text + (await shop.manage("GET", "/audit")).text
    assert not any(secret in everything for secret in (EPAY_KEY, SECRET_KEY, WEBHOOK_SECRET))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_up_rates": ["CNY"]}, "top_up_rates: 'CNY' is not"),
        ({"top_up_rates": ["USD=1", "CNY=0"]}, "top_up_rates: 'CNY=0' must be more than 0"),
        ({"top_up_minimum_usd": "0"}, "top_up_minimum_usd: must be more than 0"),
        ({"top_up_minimum_usd": "20000"}, "top_up_maximum_usd: must not be less than top_up_minimum_usd"),
        ({"top_up_maximum_usd": "lots"}, "top_up_maximum_usd: 'lots' is not a decimal"),
    ],
    ids=str,
)
async def test_a_setting_that_makes_no_sense_stops_the_start(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_module.load(**changes)


async def test_rates_come_from_the_environment_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONGHORN_TOP_UP_RATES", "USD=1, CNY=7.3")
    assert settings_module.load().top_up_rates == ("USD=1", "CNY=7.3")


async def test_orders_that_nobody_paid_expire_and_money_may_still_come(shop: Shop) -> None:
    old, paid = await shop.order("epay"), await shop.order("epay")
    assert await shop.notify(shop.notice(paid)) == (200, "success")
    shop.clock.advance(48 * 3600 + 1)
    new = await shop.order("epay")
    gateway = shop.gateway
    services = Services(gateway.database, gateway.secrets, gateway.settings, gateway.clock)
    await asyncio.gather(*(orders.expire_old(services) for _ in range(3)))
    statuses = [(await shop.shown(order))["status"] for order in (old, paid, new)]
    assert statuses == ["expired", "paid", "open"]
    assert await shop.notify(shop.notice(old)) == (200, "success")
    assert len(await shop.paid_in()) == 2


async def test_an_account_has_twenty_orders_that_wait_to_be_paid(shop: Shop) -> None:
    wanted = {"account_id": shop.account, "amount_usd": "20.00", "provider": "epay"}
    answers = await asyncio.gather(*(shop.manage("POST", "/orders", wanted) for _ in range(25)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 5
    made = [answer.json() for answer in answers if answer.status_code == 201]
    refused = await shop.manage("POST", "/orders", wanted | {"provider": "stripe"})
    assert refused.status_code == 409 and shop.stripe.asked == [], "nobody is asked for nothing"
    assert refused.json()["error"]["param"] == "account_id"
    assert "pay one of them" in refused.json()["error"]["message"]
    assert await shop.notify(shop.notice(made[0])) == (200, "success")
    assert (await shop.manage("POST", "/orders", wanted)).status_code == 201, "one was paid"
    assert (await shop.manage("POST", "/orders", wanted)).status_code == 409
    shop.clock.advance(48 * 3600 + 1)
    assert (await shop.manage("POST", "/orders", wanted)).status_code == 201, "the others have expired"


async def test_time_is_the_clocks(shop: Shop) -> None:
    order = await shop.order("epay")
    shop.clock.advance(60)
    await shop.notify(shop.notice(order))
    shown = await shop.shown(order)
    assert shown["paid_at"] > shown["created_at"]
