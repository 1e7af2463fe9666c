"""Payments from end to end: a gateway started by an operator, its settings in a file, notices over real HTTP."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from tests.cli.commanding import typed
from tests.commerce import payments_stripe
from tests.commerce.payments_shop import EPAY_KEY, EPAY_PID, PAID, epay_sign, shop_settings
from tests.commerce.payments_stripe import SECRET_KEY, WEBHOOK_SECRET, Stripe, event, signature
from tests.process import Installation


class Street(NamedTuple):
    """What stands there: the gateway, its settings, Stripe."""

    installation: Installation
    config: Path
    stripe: Stripe

    def told(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        url = self.installation.base_url + path
        request = urllib.request.Request(
            url, body, {name.replace("_", "-"): text for name, text in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def command(self, *words: str) -> Any:
        data = str(self.installation.folder / "data")
        ended = typed("order", *words, "--config", str(self.config), "--data", data, "--json")
        assert (ended.code, ended.err) == (0, ""), ended
        return json.loads(ended.out)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with payments_stripe.standing_in() as stripe:
        config = folder / "pronghorn.toml"
        lines = [f"{name} = {json.dumps(value)}" for name, value in shop_settings(stripe.url).items()]
        config.write_text("\n".join(lines))
        installation = Installation(folder, "--no-sandbox", "--config", str(config)).start()
        # What users see is the public address; here is the way behind the proxy that it would lead to.
        _, _, installation.first["base_url"] = (
            (folder / "data" / "address").read_text().strip().partition(" ")
        )
        yield Street(installation, config, stripe)
        assert installation.stop() == 0
        left = [path for path in folder.rglob("*") if path.is_file() and path != config]
        for secret in (SECRET_KEY, WEBHOOK_SECRET, EPAY_KEY):
            assert [path for path in left if secret.encode() in path.read_bytes()] == []


def test_twenty_notices_at_once_pay_an_order_of_the_management_api(street: Street) -> None:
    manage = street.installation.manage
    account = manage("POST", "/accounts", {"name": "a"})["id"]
    order = manage("POST", "/orders", {"account_id": account, "amount_usd": "20", "provider": "stripe"})
    body = event(PAID, street.stripe.sessions[order["id"]])

    def tell(_: int) -> tuple[int, str]:
        return street.told("/pay/stripe/webhook", body, stripe_signature=signature(body, time.time()))

    with ThreadPoolExecutor(20) as threads:
        outcomes = sorted(threads.map(tell, range(20)))
    assert outcomes == [(200, "paid"), *[(200, "repeated")] * 19]
    assert manage("GET", f"/accounts/{account}")["balance_usd"] == "20.00"
    entries = manage("GET", f"/entries?account_id={account}")["items"]
    assert [(entry["kind"], entry["debit"], entry["amount_usd"]) for entry in entries] == [
        ("top_up", "funding", "20.00")
    ]
    assert manage("GET", f"/orders/{order['id']}")["status"] == "paid"


def test_an_order_of_the_command_line_is_paid_by_epay(street: Street) -> None:
    account = street.installation.manage("POST", "/accounts", {"name": "b"})["id"]
    order = street.command("create", account, "5", "--provider", "epay", "--method", "wxpay")
    assert (order["price"], order["currency"], order["method"]) == ("36.50", "CNY", "wxpay")
    notice = {
        "pid": EPAY_PID,
        "trade_no": "T1",
        "out_trade_no": order["id"],
        "money": "36.50",
        "trade_status": "TRADE_SUCCESS",
    }
    assert street.told(f"/pay/epay/notify?{urlencode(notice | {'sign': '0' * 32})}") == (401, "fail")
    notice["sign"] = epay_sign(notice)
    assert street.told(f"/pay/epay/notify?{urlencode(notice)}") == (200, "success")
    assert street.told("/pay/epay/notify", urlencode(notice).encode()) == (200, "success")
    shown = street.command("show", order["id"])
    assert (shown["status"], shown["reference"], shown["pay_url"]) == ("paid", "T1", None)
    listed = street.command("list", "--account-id", account, "--status", "paid")
    assert [item["id"] for item in listed["items"]] == [order["id"]]
    assert street.installation.manage("GET", f"/accounts/{account}")["balance_usd"] == "5.00"


def test_an_order_of_the_command_line_is_open_at_stripe(street: Street) -> None:
    account = street.installation.manage("POST", "/accounts", {"name": "c"})["id"]
    order = street.command("create", account, "7.50", "--provider", "stripe", "--currency", "USD")
    assert street.stripe.sessions[order["id"]]["amount_total"] == 750
    assert street.installation.manage("GET", f"/orders/{order['id']}") == order


def test_money_of_a_top_up_buys_answers_at_once(street: Street) -> None:
    """A key that was refused for want of money gets on with what has come."""
    installation = street.installation
    account = installation.manage("POST", "/accounts", {"name": "d"})["id"]
    channel = {
        "name": "c",
        "vendor": "openai",
        "models": ["gpt-4o-mini"],
        "credentials": ["sk-x"],
        "base_url": "http://127.0.0.1:9/v1",
    }
    installation.manage("POST", "/channels", channel)
    key = installation.manage("POST", "/keys", {"account_id": account, "name": "k", "mode": "live"})["key"]
    chat = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    assert installation.call("POST", "/v1/chat/completions", chat, key)[0] == 402
    order = street.command("create", account, "5", "--provider", "stripe")
    body = event(PAID, street.stripe.sessions[order["id"]])
    told = street.told("/pay/stripe/webhook", body, stripe_signature=signature(body, time.time()))
    assert told == (200, "paid")
    # Nobody listens there: it was allowed to ask.
    assert installation.call("POST", "/v1/chat/completions", chat, key)[0] == 502
