"""Stripe: what the official package asks, and webhooks that are forged, old, repeated, reordered or changed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.commerce.payments_shop import EXPIRED, PAID, PAID_LATER, PUBLIC_URL, Shop, opened
from tests.commerce.payments_stripe import CHECKOUT, Stripe, event, signature

from pronghorn.store import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_session_asks_for_the_price_of_the_order(shop: Shop) -> None:
    order = await shop.order("stripe", "20.00", currency="CNY")
    session = shop.session(order)
    assert order["pay_url"] == CHECKOUT + session["id"]
    assert (order["reference"], order["status"]) == (session["id"], "open")
    assert (order["amount_usd"], order["price"], order["currency"]) == ("20.00", "146.00", "CNY")
    (asked,) = shop.stripe.asked
    assert asked.form == {
        "mode": "payment",
        "client_reference_id": order["id"],
        "metadata[order_id]": order["id"],
        "payment_intent_data[metadata][order_id]": order["id"],
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "cny",
        "line_items[0][price_data][unit_amount]": "14600",
        "line_items[0][price_data][product_data][name]": "Top-up 20.00 USD",
        "success_url": f"{PUBLIC_URL}/pay/stripe/return",
        "cancel_url": f"{PUBLIC_URL}/pay/stripe/return?cancelled=1",
    }
    assert asked.headers["idempotency-key"] == order["id"]
    assert await shop.paid_in() == []


@pytest.mark.parametrize("failure", [500, 409, "drop"])
async def test_a_session_is_asked_for_again_by_the_same_name(shop: Shop, failure: int | str) -> None:
    shop.stripe.failures.append(failure)
    before = len(shop.stripe.sessions)
    order = await shop.order("stripe")
    assert len(shop.stripe.sessions) == before + 1
    assert {asked.headers["idempotency-key"] for asked in shop.stripe.asked} == {order["id"]}


async def test_without_an_answer_of_stripe_there_is_no_order(shop: Shop) -> None:
    shop.stripe.failures += [500, 500, 500]
    wanted = {"account_id": shop.account, "amount_usd": "20", "provider": "stripe"}
    response = await shop.manage("POST", "/orders", wanted)
    assert response.status_code == 503
    assert "Stripe did not open a checkout" in response.text
    assert (await shop.manage("GET", f"/orders?account_id={shop.account}")).json() == {
        "items": [],
        "next": None,
    }


async def test_stripes_reason_is_told_when_it_refuses_an_order(
    database: Database, tmp_path: Path, stripe: Stripe
) -> None:
    async with opened(tmp_path, database.url, stripe, top_up_minimum_usd="0.01") as shop:
        wanted = {"account_id": shop.account, "amount_usd": "0.1", "provider": "stripe"}
        response = await shop.manage("POST", "/orders", wanted)
        assert response.status_code == 400
        assert "at least $0.50" in response.json()["error"]["message"]


async def test_a_wrong_key_is_not_quoted(
    database: Database, tmp_path: Path, stripe: Stripe, capfd: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path, database.url, stripe, stripe_secret_key="sk_test_another") as shop:
        wanted = {"account_id": shop.account, "amount_usd": "20", "provider": "stripe"}
        response = await shop.manage("POST", "/orders", wanted)
    assert response.status_code == 503
    assert "stripe_secret_key" in response.text
    assert "sk_test" not in response.text
    shown = capfd.readouterr()
    assert "sk_test" not in shown.out + shown.err


@pytest.mark.parametrize("kind", [PAID, PAID_LATER])
async def test_a_paid_session_pays_in_what_the_order_says(shop: Shop, kind: str) -> None:
    order = await shop.order("stripe", "20.00", currency="CNY")
    assert await shop.event(kind, order) == "paid"
    assert await shop.paid_in() == [(f"order:{order['id']}", "top_up", 20)]
    assert await shop.balance_usd() == "20.00"
    shown = await shop.shown(order)
    assert (shown["status"], shown["pay_url"]) == ("paid", None)
    assert shown["paid_at"] == shown["created_at"]
    assert await shop.audits(order) == ["order.create", "order.pay"]


async def test_a_session_that_a_bank_has_still_to_pay_waits(shop: Shop) -> None:
    order = await shop.order("stripe")
    assert await shop.event(PAID, order, payment_status="unpaid") == "ignored"
    assert await shop.paid_in() == []
    assert await shop.event(PAID_LATER, order) == "paid"
    assert len(await shop.paid_in()) == 1


def _forged(body: bytes, now_s: float) -> dict[str, tuple[bytes, str]]:
    good = signature(body, now_s)
    return {
        "unsigned": (body, ""),
        "no signature in it": (body, f"t={int(now_s)}"),
        "another secret": (body, signature(body, now_s, "whsec_another")),
        "an empty secret": (body, signature(body, now_s, "")),
        "another scheme": (body, signature(body, now_s, scheme="v0")),
        "another body": (body.replace(b'"amount_total"', b'"amount_other"'), good),
        "one byte more": (body + b" ", good),
        "301 s old": (body, signature(body, now_s - 301)),
        "301 s ahead": (body, signature(body, now_s + 301)),
        "an old one with a new time behind": (body, f"{signature(body, now_s - 999)},t={int(now_s)}"),
        "an old one with a new time before": (body, f"t={int(now_s)},{signature(body, now_s - 999)}"),
        "no time": (body, good.partition(",")[2]),
        "no number": (body, good.replace("t=", "t=x")),
        "not ASCII": (body, f"t={int(now_s)},v1=é"),
        "garbage": (body, ",,=,t=,v1"),
        "not UTF-8": (b"\xff" + body, signature(b"\xff" + body, now_s)),
    }


@pytest.mark.parametrize("how", _forged(b"", 0))
async def test_what_stripe_did_not_sign_now_is_refused(shop: Shop, how: str) -> None:
    order = await shop.order("stripe")
    body, signed = _forged(event(PAID, shop.session(order)), shop.clock.now())[how]
    headers = [(b"stripe-signature", signed.encode())] if signed else []
    response = await shop.http.post("/pay/stripe/webhook", content=body, headers=headers)
    assert response.status_code == 401, response.text
    assert await shop.paid_in() == []
    assert (await shop.shown(order))["status"] == "open"
    assert await shop.event(PAID, order) == "paid"


@pytest.mark.parametrize("age_s", [-299, 299])
async def test_clocks_may_differ_by_five_minutes(shop: Shop, age_s: float) -> None:
    order = await shop.order("stripe")
    body = event(PAID, shop.session(order))
    assert (await shop.webhook(body, signature(body, shop.clock.now() - age_s))).text == "paid"


async def test_a_replay_of_an_hour_ago_is_refused_and_one_of_now_does_nothing(shop: Shop) -> None:
    order = await shop.order("stripe")
    body = event(PAID, shop.session(order))
    signed = signature(body, shop.clock.now())
    assert (await shop.webhook(body, signed)).text == "paid"
    assert (await shop.webhook(body, signed)).text == "repeated"
    shop.clock.advance(3600)
    assert (await shop.webhook(body, signed)).status_code == 401
    assert len(await shop.paid_in()) == 1


@pytest.mark.parametrize("secret", ["", " "])
async def test_without_a_webhook_secret_there_is_no_route(
    database: Database, tmp_path: Path, stripe: Stripe, secret: str
) -> None:
    async with opened(tmp_path, database.url, stripe, stripe_webhook_secret=secret) as shop:
        for signed_with in ("", secret, "whsec_x"):
            body = event(PAID, {"id": "cs_1", "client_reference_id": "ord_1", "amount_total": 1})
            response = await shop.webhook(body, signature(body, shop.clock.now(), signed_with))
            assert response.status_code == 404
        assert await shop.paid_in() == []


async def test_without_a_webhook_secret_nobody_is_asked_to_pay(
    database: Database, tmp_path: Path, stripe: Stripe
) -> None:
    """The payment would never be noticed."""
    stripe.asked.clear()
    async with opened(tmp_path, database.url, stripe, stripe_webhook_secret="") as shop:
        wanted = {"account_id": shop.account, "amount_usd": "20", "provider": "stripe"}
        response = await shop.manage("POST", "/orders", wanted)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "provider"
        assert "stripe_webhook_secret" in response.text
    assert stripe.asked == []


async def test_twenty_at_once_pay_once(shop: Shop) -> None:
    order = await shop.order("stripe")
    outcomes = await asyncio.gather(*(shop.event(PAID, order) for _ in range(20)))
    assert sorted(outcomes) == ["paid", *["repeated"] * 19]
    assert await shop.paid_in() == [(f"order:{order['id']}", "top_up", 20)]
    assert await shop.audits(order) == ["order.create", "order.pay"]


@pytest.mark.parametrize(
    ("kinds", "outcomes", "status"),
    [
        ([PAID, EXPIRED], ["paid", "repeated"], "paid"),
        ([EXPIRED, PAID], ["ended", "paid"], "paid"),
        (
            [EXPIRED, EXPIRED, PAID, EXPIRED, PAID],
            ["ended", "repeated", "paid", "repeated", "repeated"],
            "paid",
        ),
        ([PAID, PAID_LATER], ["paid", "repeated"], "paid"),
        ([EXPIRED], ["ended"], "expired"),
        (["checkout.session.async_payment_failed"], ["ended"], "expired"),
    ],
    ids=lambda case: "-".join(case) if isinstance(case, list) else case,
)
async def test_whatever_the_order_of_events_money_comes_in_once(
    shop: Shop, kinds: list[str], outcomes: list[str], status: str
) -> None:
    order = await shop.order("stripe")
    assert [await shop.event(kind, order) for kind in kinds] == outcomes
    assert len(await shop.paid_in()) == outcomes.count("paid")
    assert (await shop.shown(order))["status"] == status


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": 1999},
        {"amount_total": 2001},
        {"amount_total": None},
        {"amount_total": -2000},
        {"currency": "cny"},
        {"currency": None},
        {"id": "cs_test_another"},
    ],
    ids=str,
)
async def test_a_payment_that_does_not_fit_its_order_is_refused_and_audited(
    shop: Shop, changes: dict[str, Any]
) -> None:
    order = await shop.order("stripe")
    assert await shop.event(PAID, order, **changes) == "409"
    assert await shop.paid_in() == []
    assert await shop.audits(order) == ["order.create", "order.refuse"]
    assert await shop.event(PAID, order) == "paid"


@pytest.mark.parametrize("kind", [PAID, EXPIRED])
async def test_events_about_nothing_of_ours_change_nothing(shop: Shop, kind: str) -> None:
    """The operator may sell other things at Stripe, too."""
    order = await shop.order("stripe")
    assert await shop.event(kind, order, client_reference_id="ord_unknown") == "unknown"
    assert await shop.event(kind, order, client_reference_id=None) == "ignored"
    assert await shop.event("invoice.paid", order) == "ignored"
    assert (await shop.shown(order))["status"] == "open"


async def test_an_order_of_epay_is_not_paid_at_stripe(shop: Shop) -> None:
    order = await shop.order("epay")
    shop.stripe.sessions[order["id"]] = {"id": "cs_1", "currency": "cny", "amount_total": 14600}
    assert await shop.event(PAID, order, client_reference_id=order["id"]) == "unknown"
    assert await shop.paid_in() == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"type":1}', b'{"type":"checkout.session.completed","data":{"object":[]}}']
)
async def test_what_is_signed_and_no_event_is_refused(shop: Shop, body: bytes) -> None:
    assert (await shop.webhook(body)).status_code == 400


async def test_only_post_leads_to_the_webhook_and_large_bodies_do_not(shop: Shop) -> None:
    assert (await shop.http.get("/pay/stripe/webhook")).status_code == 405
    large = json.dumps({"type": "x", "data": {"object": "y" * 2_000_000}}).encode()
    assert (await shop.webhook(large)).status_code == 413


async def test_the_page_for_payers_shows_nothing_of_its_address(shop: Shop) -> None:
    for address in ("/pay/stripe/return", "/pay/epay/return?out_trade_no=<script>", "/pay/epay/return"):
        page = await shop.http.get(address)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "Thank you" in page.text
        assert "<script>" not in page.text
    assert "nothing was charged" in (await shop.http.get("/pay/stripe/return?cancelled=1")).text
