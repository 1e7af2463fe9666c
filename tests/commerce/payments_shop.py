"""A shop: a gateway with both kinds of payments switched on, inside the test's own event loop, and its providers."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from sqlalchemy import select
from tests.commerce import payments_stripe
from tests.commerce.payments_stripe import Stripe

from pronghorn.app import Gateway, open_gateway
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger.repository import account_book
from pronghorn.manage import bootstrap
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import Audit, Entry, Wallet

PUBLIC_URL = "https://ai.example.com"
EPAY_URL = "https://pay.example.cn"
EPAY_PID = "1001"
EPAY_KEY = "canaryMerchantKey"
PAID = "checkout.session.completed"
PAID_LATER = "checkout.session.async_payment_succeeded"
EXPIRED = "checkout.session.expired"


def shop_settings(stripe_url: str, **changes: Any) -> dict[str, Any]:
    return {
        "public_url": PUBLIC_URL,
        "stripe_secret_key": payments_stripe.SECRET_KEY,
        "stripe_webhook_secret": payments_stripe.WEBHOOK_SECRET,
        "stripe_api_base": stripe_url,
        "epay_url": EPAY_URL,
        "epay_pid": EPAY_PID,
        "epay_key": EPAY_KEY,
        "top_up_rates": ("USD=1", "CNY=7.3"),
    } | changes


def epay_sign(parameters: dict[str, str], key: str = EPAY_KEY) -> str:
    """As the gateways' own PHP does it: sort, join, append the key, MD5."""
    text = ""
    for name in sorted(parameters):
        if name not in ("sign", "sign_type") and parameters[name] != "":
            text += f"{name}={parameters[name]}&"
    return hashlib.md5((text[:-1] + key).encode()).hexdigest()


class Shop:
    def __init__(self, gateway: Gateway, clock: FakeClock, stripe: Stripe, token: str) -> None:
        self.gateway = gateway
        self.clock = clock
        self.stripe = stripe
        self.account = ""
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(gateway.asgi), base_url="http://pronghorn", timeout=30
        )
        self._admin = {"authorization": f"Bearer {token}"}

    async def manage(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, f"/manage/v1{path}", json=body, headers=self._admin)

    async def open_account(self) -> None:
        """From now on it is the one that pays."""
        self.account = (await self.manage("POST", "/accounts", {"name": "Payer"})).json()["id"]

    async def order(self, provider: str, usd: str = "20.00", **more: Any) -> dict[str, Any]:
        wanted = {"account_id": self.account, "amount_usd": usd, "provider": provider} | more
        response = await self.manage("POST", "/orders", wanted)
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def shown(self, order: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.manage("GET", f"/orders/{order['id']}")).json())

    def session(self, order: dict[str, Any]) -> dict[str, Any]:
        """Stripe's session of an order."""
        return self.stripe.sessions[order["id"]]

    async def webhook(self, body: bytes, signature: str | None = None) -> httpx.Response:
        """Signed rightly and now, unless `signature` says otherwise; empty: not signed."""
        if signature is None:
            signature = payments_stripe.signature(body, self.clock.now())
        headers = {"stripe-signature": signature} if signature else {}
        return await self.http.post("/pay/stripe/webhook", content=body, headers=headers)

    async def event(self, kind: str, order: dict[str, Any], **changes: Any) -> str:
        """What a signed event about an order led to."""
        response = await self.webhook(payments_stripe.event(kind, self.session(order), **changes))
        return response.text if response.status_code == 200 else str(response.status_code)

    def notice(self, order: dict[str, Any], **changes: str) -> dict[str, str]:
        """What Epay sends when an order is paid, signed; `changes` are signed too."""
        parameters = {
            "pid": EPAY_PID,
            "trade_no": f"2026{order['id'][4:]}",
            "out_trade_no": order["id"],
            "type": "alipay",
            "name": "Top-up 20.00 USD",
            "money": order["price"],
            "trade_status": "TRADE_SUCCESS",
            "param": "",
        } | changes
        return parameters | {"sign": epay_sign(parameters), "sign_type": "MD5"}

    async def notify(self, parameters: dict[str, str] | str, method: str = "GET") -> tuple[int, str]:
        text = parameters if isinstance(parameters, str) else urlencode(parameters)
        if method == "GET":
            response = await self.http.get(f"/pay/epay/notify?{text}")
        else:
            headers = {"content-type": "application/x-www-form-urlencoded"}
            response = await self.http.post("/pay/epay/notify", content=text, headers=headers)
        return response.status_code, response.text

    async def balance_usd(self) -> str:
        return str((await self.manage("GET", f"/accounts/{self.account}")).json()["balance_usd"])

    async def paid_in(self) -> list[tuple[str, str, int]]:
        """Reference, kind and whole dollars of what came into the account, and that its wallet agrees."""
        mine = (Entry.credit == account_book(self.account), Entry.mode == "live")
        async with self.gateway.database.read() as tx:
            entries = (await tx.execute(select(Entry).where(*mine).order_by(Entry.id))).all()
            wallets = select(Wallet.balance).where(Wallet.account_id == self.account, Wallet.mode == "live")
            balance = await tx.scalar(wallets)
        assert balance == sum(entry.amount for entry in entries)
        assert {entry.debit for entry in entries} <= {"funding"}
        return [(entry.reference, entry.kind, entry.amount // NANO_PER_USD) for entry in entries]

    async def audits(self, order: dict[str, Any]) -> list[str]:
        """What was recorded of an order, in turn."""
        async with self.gateway.database.read() as tx:
            found = await tx.scalars(
                select(Audit.action).where(Audit.subject == order["id"]).order_by(Audit.id)
            )
            return list(found)


@asynccontextmanager
async def opened(folder: Path, url: str, stripe: Stripe, **changes: Any) -> AsyncIterator[Shop]:
    """On a migrated database of nobody else."""
    settings = Settings(data=folder, **shop_settings(stripe.url, **changes))
    clock = FakeClock()
    gateway = await open_gateway(settings, clock, sandbox_url="", database=Database(url))
    first = await bootstrap.ensure(gateway.database, gateway.secrets, clock, settings)
    assert first.admin_token
    shop = Shop(gateway, clock, stripe, first.admin_token)
    try:
        await shop.open_account()
        yield shop
    finally:
        await shop.http.aclose()
        await gateway.close()
