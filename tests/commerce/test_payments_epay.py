"""Epay: what the payer's browser brings to the gateway, and notices that are forged, repeated or changed."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from tests.commerce.payments_shop import (
    EPAY_KEY,
    EPAY_PID,
    EPAY_URL,
    PUBLIC_URL,
    Shop,
    epay_sign,
    opened,
)
from tests.commerce.payments_stripe import Stripe

from pronghorn.accounts.act import Act
from pronghorn.commerce import epay, orders
from pronghorn.commerce.orders import Wanted
from pronghorn.store import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_sign_is_the_one_of_a_published_example() -> None:
    """https://docs.kyren.top/zh-Hant/epay-migration/signature: the text to sign, with an empty parameter more."""
    parameters = {
        "pid": "10001",
        "type": "alipay",
        "out_trade_no": "ORDER_10001",
        "notify_url": "https://merchant.example.com/notify",
        "return_url": "https://merchant.example.com/return",
        "name": "AI credits",
        "money": "9.99",
        "param": "account_123",
        "clientip": "",
        "sign_type": "MD5",
    }
    # md5sum of that page's text
    assert epay.sign(parameters, "merchant_secret") == "4b3e2eb60a762dcf012ea0c772d9ac4f"


async def test_the_payer_brings_a_signed_form(shop: Shop) -> None:
    order = await shop.order("epay", "20.00", method="wxpay")
    assert (order["price"], order["currency"], order["method"]) == ("146.00", "CNY", "wxpay")
    url = urlsplit(order["pay_url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{EPAY_URL}/submit.php"
    form = dict(parse_qsl(url.query, strict_parsing=True))
    assert form.pop("sign") == epay_sign(form)
    assert form == {
        "pid": EPAY_PID,
        "type": "wxpay",
        "out_trade_no": order["id"],
        "notify_url": f"{PUBLIC_URL}/pay/epay/notify",
        "return_url": f"{PUBLIC_URL}/pay/epay/return",
        "name": "Top-up 20.00 USD",
        "money": "146.00",
        "sign_type": "MD5",
    }


async def test_a_door_gets_the_same_as_a_form_to_post(shop: Shop) -> None:
    gateway, act = shop.gateway, Act("user:usr_1", 5)
    wanted = Wanted(shop.account, "20", "epay")
    placed = await orders.place(gateway.database, gateway.settings, act, wanted)
    assert placed.checkout.form_action == f"{EPAY_URL}/submit.php"
    assert placed.checkout.url == f"{EPAY_URL}/submit.php?{urlencode(placed.checkout.form)}"
    assert (placed.price, placed.currency) == ("146.00", "CNY")
    assert await shop.audits({"id": placed.id}) == ["order.create"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_notice_pays_in_what_the_order_says(shop: Shop, method: str) -> None:
    order = await shop.order("epay")
    notice = shop.notice(order)
    assert await shop.notify(notice, method) == (200, "success")
    assert await shop.paid_in() == [(f"order:{order['id']}", "top_up", 20)]
    shown = await shop.shown(order)
    assert (shown["status"], shown["reference"]) == ("paid", notice["trade_no"])
    assert await shop.notify(notice, method) == (200, "success")
    assert len(await shop.paid_in()) == 1
    assert await shop.audits(order) == ["order.create", "order.pay"]


@pytest.mark.parametrize("money", ["146", "146.0", "146.00"])
async def test_gateways_write_money_in_their_own_way(shop: Shop, money: str) -> None:
    order = await shop.order("epay")
    assert await shop.notify(shop.notice(order, money=money)) == (200, "success")


async def test_a_sign_in_capitals_is_one(shop: Shop) -> None:
    notice = shop.notice(await shop.order("epay"))
    assert await shop.notify(notice | {"sign": notice["sign"].upper()}) == (200, "success")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"money": "0.01"}, 401),
        ({"out_trade_no": "ord_another"}, 401),
        ({"added": "1"}, 401),
        ({"sign": ""}, 401),
        ({"sign": "0" * 32}, 401),
        ({"sign": "é"}, 401),
    ],
    ids=str,
)
async def test_what_was_changed_after_it_was_signed_is_refused(
    shop: Shop, changed: dict[str, str], status: int
) -> None:
    order = await shop.order("epay")
    assert await shop.notify(shop.notice(order) | changed) == (status, "fail")
    assert await shop.paid_in() == []
    assert await shop.audits(order) == ["order.create"]


@pytest.mark.parametrize("key", ["", "another", EPAY_KEY + " ", f"&key={EPAY_KEY}"])
async def test_a_notice_signed_with_another_key_is_refused(shop: Shop, key: str) -> None:
    notice = shop.notice(await shop.order("epay"))
    assert await shop.notify(notice | {"sign": epay_sign(notice, key)}) == (401, "fail")
    assert await shop.notify({name: text for name, text in notice.items() if name != "sign"}) == (401, "fail")
    assert await shop.paid_in() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"money": "0.01"}, 409),
        ({"money": "146.01"}, 409),
        ({"money": "-146.00"}, 409),
        ({"money": "146.001"}, 400),
        ({"money": "1.46e2"}, 400),
        ({"money": ""}, 400),
        ({"money": "NaN"}, 400),
        ({"pid": "1002"}, 401),
        ({"trade_status": "TRADE_CLOSED"}, 400),
        ({"trade_status": ""}, 400),
        ({"out_trade_no": "ord_unknown"}, 404),
        ({"out_trade_no": ""}, 400),
        ({"trade_no": ""}, 400),
        ({"trade_no": "x" * 201}, 400),
        ({"trade_no": "a\0b"}, 400),
    ],
    ids=str,
)
async def test_what_is_signed_and_does_not_fit_is_refused(
    shop: Shop, changes: dict[str, str], status: int
) -> None:
    order = await shop.order("epay")
    assert await shop.notify(shop.notice(order, **changes)) == (status, "fail")
    assert await shop.paid_in() == []
    refused = ["order.refuse"] if status == 409 else []
    assert await shop.audits(order) == ["order.create", *refused]
    assert await shop.notify(shop.notice(order)) == (200, "success")


@pytest.mark.parametrize("name", ["money", "sign", "out_trade_no", "extra"])
async def test_a_parameter_that_comes_twice_is_refused(shop: Shop, name: str) -> None:
    notice = shop.notice(await shop.order("epay"), extra="1")
    twice = [*notice.items(), (name, notice[name])]
    for text in (urlencode(twice), urlencode(twice[::-1])):
        assert await shop.notify(text) == (400, "fail")
        assert await shop.notify(text, "POST") == (400, "fail")
    both = await shop.http.post(f"/pay/epay/notify?{urlencode(notice)}", content=urlencode({name: "1"}))
    assert (both.status_code, both.text) == (400, "fail")
    assert await shop.paid_in() == []


@pytest.mark.parametrize("missing", ["epay_key", "epay_pid"])
async def test_without_a_key_there_is_no_route(
    database: Database, tmp_path: Path, stripe: Stripe, missing: str
) -> None:
    async with opened(tmp_path, database.url, stripe, **{missing: ""}) as shop:
        order = {"id": "ord_1", "price": "1.00"}
        for key in ("", EPAY_KEY):
            for pid in ("", EPAY_PID):
                notice = shop.notice(order, pid=pid)
                assert await shop.notify(notice | {"sign": epay_sign(notice, key)}) == (404, "fail")
        wanted = {"account_id": shop.account, "amount_usd": "20", "provider": "epay"}
        response = await shop.manage("POST", "/orders", wanted)
        assert (response.status_code, response.json()["error"]["param"]) == (400, "provider")
        assert missing in response.text
        assert orders.providers(shop.gateway.settings) == ["stripe"]


async def test_a_hundred_at_once_pay_once(shop: Shop) -> None:
    order = await shop.order("epay")
    notice = shop.notice(order)
    answers = await asyncio.gather(*(shop.notify(notice, ("GET", "POST")[n % 2]) for n in range(100)))
    assert set(answers) == {(200, "success")}
    assert await shop.paid_in() == [(f"order:{order['id']}", "top_up", 20)]
    assert await shop.audits(order) == ["order.create", "order.pay"]


async def test_one_trade_pays_one_order_even_at_once(shop: Shop) -> None:
    first, second = await shop.order("epay"), await shop.order("epay")
    notices = [shop.notice(order, trade_no=f"T1{first['id']}") for order in (first, second)]
    answers = await asyncio.gather(*(shop.notify(notice) for notice in notices * 10))
    assert (200, "success") in answers
    assert len(await shop.paid_in()) == 1
    again = [await shop.notify(notice) for notice in notices]
    assert sorted(again) == [(200, "success"), (409, "fail")]
    assert await shop.balance_usd() == "20.00"


async def test_a_second_payment_of_a_paid_order_is_not_lost_from_sight(shop: Shop) -> None:
    """The payer paid twice: the operator finds it in the audit, and pays it back or in."""
    order = await shop.order("epay")
    assert await shop.notify(shop.notice(order)) == (200, "success")
    assert await shop.notify(shop.notice(order, trade_no="T2")) == (409, "fail")
    assert len(await shop.paid_in()) == 1
    assert await shop.audits(order) == ["order.create", "order.pay", "order.refuse"]


async def test_an_order_of_stripe_is_not_paid_by_epay(shop: Shop) -> None:
    order = await shop.order("stripe", currency="CNY")
    assert await shop.notify(shop.notice(order)) == (404, "fail")
    assert await shop.paid_in() == []


async def test_the_settings_in_force_name_no_secret(shop: Shop) -> None:
    settings = shop.gateway.settings
    shown = f"{settings!r} {settings} {dict(settings.__rich_repr__())}"
    assert "canary" not in shown
    assert EPAY_PID in shown
