"""A whole gateway with its worker, the sandbox behind test keys and a scripted vendor behind live ones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from sqlalchemy import func, insert, select
from tests.serving import listen, playing, serving
from tests.tasks import parts
from tests.tasks.engine.house import CREDENTIAL, Studio, known_studios

from pronghorn.app import Gateway, open_gateway
from pronghorn.kit.clock import SystemClock
from pronghorn.manage import bootstrap
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables

SONG = [{"id": "clip-1", "status": "complete", "audio_url": "https://cdn.example/1.mp3"}]
PRICE_USD = "0.10"
WAIT_S = 20.0

Json = dict[str, Any]


class Answered:
    def __init__(self, status: int, headers: Any, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def error(self) -> Json:
        """Without the request id, which differs."""
        found = dict(self.body["error"])
        found["message"] = found["message"].partition(" (request id")[0]
        return found


class Caller:
    """Who has a key."""

    def __init__(self, url: str, account: str, key_id: str, key: str) -> None:
        self.account = account
        self.key_id = key_id
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"authorization": f"Bearer {key}"}
        self.http = aiohttp.ClientSession(url, headers=headers, connector=connector)

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answered:
        async with self.http.request(method, path, json=body, headers=headers) as answer:
            return Answered(answer.status, answer.headers, await answer.json(content_type=None))

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    async def sing(self, prompt: str = "a song", headers: dict[str, str] | None = None, **more: Any) -> str:
        """A new task's id, by Suno's own door."""
        body = {"prompt": prompt, "mv": "chirp-v4"} | more
        answer = await self.call("POST", "/suno/submit/music", body, headers)
        assert answer.status == 200, answer.body
        return str(answer.body["data"])

    async def until(self, task_id: str, *states: str) -> Json:
        """The task, once it is in one of these states."""
        async with asyncio.timeout(WAIT_S):
            while (task := await self.get(f"/v1/tasks/{task_id}"))["status"] not in states:
                await asyncio.sleep(0.05)
        return dict(task)


class Stand:
    def __init__(self, gateway: Gateway, studio: Studio, url: str, server: uvicorn.Server) -> None:
        self.gateway = gateway
        self.studio = studio
        self.url = url
        self.server = server
        self.manage: Caller
        self._callers: list[Caller] = []

    async def close(self) -> None:
        for caller in [self.manage, *self._callers]:
            await caller.http.close()

    async def account(self, name: str, usd: str = "10.00") -> str:
        account: str = (await self.managed("POST", "/accounts", {"name": name}))["id"]
        await self.managed("POST", f"/accounts/{account}/adjust", {"amount_usd": usd})
        return account

    async def caller(self, account: str, mode: str = "test") -> Caller:
        new = {"account_id": account, "name": "k", "mode": mode}
        key = await self.managed("POST", "/keys", new)
        caller = Caller(self.url, account, key["id"], key["key"])
        self._callers.append(caller)
        return caller

    async def somebody(self, mode: str = "test") -> Caller:
        return await self.caller(await self.account("a"), mode)

    async def managed(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.manage.call(method, f"/manage/v1{path}", body)
        assert answer.status < 300, answer.body
        return answer.body

    async def balance(self, account: str, mode: str = "live") -> int:
        return (await self.gateway.credit.standing([account], mode))[account].balance

    async def entries(self, account: str, kind: str) -> list[Any]:
        book, entry = f"account:{account}", tables.Entry
        mine = (entry.debit == book) | (entry.credit == book)
        async with self.gateway.database.read() as tx:
            found = select(*entry.__table__.columns).where(mine, entry.kind == kind)
            return list(await tx.execute(found))

    async def audited(self, action: str, subject: str) -> int:
        row = tables.Audit
        async with self.gateway.database.read() as tx:
            found = select(func.count()).where(row.action == action, row.subject == subject)
            return await tx.scalar(found.select_from(row)) or 0


@contextlib.asynccontextmanager
async def standing(database: Database, folder: Path, **settings: Any) -> AsyncIterator[Stand]:
    """On a migrated database. Its books are recounted at the end."""
    async with playing() as sandbox_url, Studio().running() as studio:
        configured = Settings(data=folder, sandbox_url=sandbox_url, **settings)
        gateway = await open_gateway(configured, SystemClock(), sandbox_url=sandbox_url, database=database)
        await _sell(database)
        await gateway.loader.refresh()
        listener, url = listen()
        with known_studios():
            async with serving(gateway, listener) as server:
                stand = Stand(gateway, studio, url, server)
                first = await bootstrap.ensure(database, gateway.secrets, gateway.clock, configured)
                stand.manage = Caller(url, "", "", first.admin_token or "")
                await stand.managed("POST", "/channels", _channel(studio))
                async with parts.working(gateway, url):
                    yield stand
                    await parts.check_books(gateway)
                await stand.close()
        await gateway.close()


def _channel(studio: Studio) -> Json:
    return {
        "name": "studio",
        "vendor": "studio",
        "base_url": studio.url,
        "credentials": [CREDENTIAL],
        "models": ["suno"],
    }


async def _sell(database: Database) -> None:
    songs = {"music": PRICE_USD, "lyrics": "0.01", "extend": PRICE_USD}
    prices: dict[str, Any] = {"suno": songs, "midjourney": "0.05"}
    async with database.write() as tx:
        for name, price in prices.items():
            words = {"name": name, "vendor": name, "display_name": name, "description": ""}
            model = {"capabilities": [name], "is_own": True, "created_ms": 1}
            await tx.execute(insert(tables.Model).values(**words, **model))
            row = {"components": {"per_call_usd": price}, "source": "operator", "updated_ms": 1, "note": ""}
            await tx.execute(insert(tables.Price).values(model=name, **row))
        await revision.bump(tx)
