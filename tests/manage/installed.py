"""A data folder as the first start leaves it, and the gateway on it inside the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pronghorn.accounts import secrets
from pronghorn.app import Gateway, open_gateway
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger.catalogue import sync
from pronghorn.manage import bootstrap
from pronghorn.manage.bootstrap import Bootstrapped
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.migrate import migrate

Document = dict[str, Any]


def install(data: Path) -> None:
    """Migrated, with the catalogue and the first secrets."""
    asyncio.run(_install(Settings(data=data)))


async def _install(settings: Settings) -> None:
    settings.data.mkdir(parents=True)
    clock = FakeClock()
    vault = secrets.load(settings.secret, settings.data)
    database = Database(settings.resolved_database_url)
    await migrate(database)
    now_s = clock.now()
    async with database.write() as tx:
        await sync.sync(tx, today=datetime.fromtimestamp(now_s, UTC).date(), now_ms=int(now_s * 1000))
    await bootstrap.ensure(database, vault, clock, settings)
    await database.close()


class Manage:
    """The management API as a script sees it, with the first admin token."""

    def __init__(self, gateway: Gateway, clock: FakeClock, first: Bootstrapped) -> None:
        self.gateway = gateway
        self.clock = clock
        self.first = first
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(gateway.asgi),
            base_url="http://pronghorn",
            headers={"authorization": f"Bearer {first.admin_token}"},
        )
        self.calls: list[str] = []
        """Every method and path that was called."""
        self.answers: list[str] = []
        """Every answer's body."""

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        response = await self.http.request(method, f"/manage/v1{path}", **more)
        self.calls.append(f"{method} {path}")
        self.answers.append(response.text)
        return response

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path)).raise_for_status().json()

    async def post(self, path: str, **body: Any) -> Any:
        return (await self.call("POST", path, body)).raise_for_status().json()

    async def put(self, path: str, **body: Any) -> Any:
        return (await self.call("PUT", path, body)).raise_for_status().json()

    async def patch(self, path: str, **body: Any) -> Any:
        return (await self.call("PATCH", path, body)).raise_for_status().json()

    async def delete(self, path: str) -> None:
        (await self.call("DELETE", path)).raise_for_status()

    async def refused(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Document:
        """The `error` of an answer that must have this status and one shape."""
        response = await self.call(method, path, body, **more)
        assert response.status_code == status, response.text
        (problem,) = response.json().values()
        assert set(problem) == {"message", "code", "param"}
        assert problem["message"] and problem["code"]
        return dict(problem)

    async def items(self, path: str) -> list[Document]:
        return list((await self.get(path))["items"])

    async def account(self, name: str = "Team A", usd: str | None = None) -> str:
        account: str = (await self.post("/accounts", name=name))["id"]
        if usd is not None:
            await self.post(f"/accounts/{account}/adjust", amount_usd=usd)
        return account


@contextlib.asynccontextmanager
async def opened(data: Path, **more: Any) -> AsyncIterator[Manage]:
    """`more`: other settings than the defaults."""
    settings, clock = Settings(data=data, **more), FakeClock()
    gateway = await open_gateway(settings, clock, sandbox_url="")
    first = await bootstrap.ensure(gateway.database, gateway.secrets, clock, settings)
    manage = Manage(gateway, clock, first)
    try:
        yield manage
    finally:
        await manage.http.aclose()
        await gateway.close()
