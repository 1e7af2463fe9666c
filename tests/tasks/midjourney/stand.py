"""A whole gateway with its worker: the sandbox behind test keys, a scripted proxy of Midjourney behind live ones."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from sqlalchemy import insert, update
from tests.serving import listen, playing, serving
from tests.tasks import parts

from pronghorn.accounts import keys
from pronghorn.app import Gateway, open_gateway
from pronghorn.commerce import jobs
from pronghorn.kit.clock import SystemClock
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import repository
from pronghorn.ledger.catalogue.media import read_media
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables

CREDENTIAL = "sk-canary-of-the-proxy"
WAIT_S = 40.0
PRICES = next(row.usd for row in read_media() if row.model == "midjourney")
Json = dict[str, Any]


class Proxy:
    """A server of the protocol. `replies` are what it answers next, by path; `tasks` what it says of each."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        self.replies: dict[str, list[tuple[int, Any]]] = {}
        self.tasks: dict[str, Json] = {}
        self.hooks: dict[str, str] = {}
        """Where it tells of a task, by its id."""
        self.pause_s = 0.0
        """Before it answers."""
        self.has_list = True
        self.lists_refused: list[list[str]] = []
        """After which jobs the list was asked that it has not."""
        self.drops = False
        """Takes what it is asked for, and hangs up before it says so."""
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/mj/task/list-by-condition", self._list)
        app.router.add_get("/mj/task/{id}/fetch", self._fetch)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def will_answer(self, path: str, reply: Any, status: int = 200) -> None:
        self.replies.setdefault(path, []).append((status, reply))

    async def has(self, upstream_id: str, status: str, **more: Any) -> None:
        """What it says of a task from now on; whoever asked for it is told that there is news.

        A success has a picture.
        """
        if status == "SUCCESS":
            more = {"imageUrl": f"{self.url}/a.png"} | more
        self.tasks[upstream_id] = {"id": upstream_id, "status": status} | more
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.hooks[upstream_id], json=self.tasks[upstream_id]) as answer,
        ):
            assert answer.status < 300, await answer.text()

    @property
    def last(self) -> tuple[str, dict[str, str], Any]:
        return self.seen[-1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        path = request.path
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((path, headers, json.loads(text) if text else None))
        await asyncio.sleep(self.pause_s)
        scripted = self.replies.get(path)
        status, reply = scripted.pop(0) if scripted else (500, None)
        if reply is None:
            return web.Response(status=status)
        if isinstance(self.last[2], dict) and "notifyHook" in self.last[2]:
            self.hooks[str(reply.get("result"))] = self.last[2]["notifyHook"]
        if self.drops:
            self.drops = False
            assert request.transport is not None
            request.transport.close()
        return web.json_response(reply, status=status)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        ids = (await request.json())["ids"]
        if not self.has_list:
            self.lists_refused.append(ids)
            return web.json_response({"description": "Invalid URL", "code": 4}, status=404)
        return web.json_response([self.tasks[one] for one in ids if one in self.tasks])

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        task = self.tasks.get(request.match_info["id"])
        return web.Response(status=204) if task is None else web.json_response(task)


class Hook:
    """Where callbacks arrive."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Hook"]:
        async def note(request: web.Request) -> web.StreamResponse:
            self.told.append(await request.json())
            return web.Response()

        app = web.Application()
        app.router.add_post("/hooks/mj", note)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/mj"
        try:
            yield self
        finally:
            await runner.cleanup()


class Caller:
    """Who has a key. `simulate` is what test keys ask of the sandbox."""

    def __init__(self, stand: "Stand", account: str, mode: str, key: str, simulate: str) -> None:
        self.account, self.mode, self.key = account, mode, key
        self._stand = stand
        headers = {"mj-api-secret": key} | ({"x-pronghorn-simulate": simulate} if simulate else {})
        self.http = aiohttp.ClientSession(stand.url, headers=headers)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else io.BytesIO(json.dumps(body).encode())
        headers = {"content-type": "application/json"} if data is not None else {}
        async with self.http.request(
            method, path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, path: str, body: Any) -> Json:
        status, answer = await self.call("POST", path, body)
        assert status == 200, answer
        return dict(answer)

    async def submit(self, path: str, body: Any, code: int = 1) -> str:
        answer = await self.post(path, body)
        assert answer["code"] == code, answer
        return str(answer["result"])

    async def fetch(self, task_id: str) -> Json:
        status, task = await self.call("GET", f"/mj/task/{task_id}/fetch")
        assert status == 200, task
        return dict(task)

    async def until(self, task_id: str, *statuses: str) -> Json:
        async with asyncio.timeout(WAIT_S):
            while (task := await self.fetch(task_id))["status"] not in (statuses or ("SUCCESS",)):
                assert task["status"] != "FAILURE", task
                await asyncio.sleep(0.05)
        return task

    async def bytes_of(self, url: str) -> tuple[str, bytes]:
        async with self.http.get(url) as answer:
            assert answer.status == 200, (url, await answer.text())
            return answer.headers["content-type"], await answer.read()

    async def rows(self) -> list[Any]:
        """Of the usage log, oldest first."""
        return await parts.rows_of(self._stand.gateway, self.account)

    async def spent(self) -> int:
        return await parts.spent_by(self._stand.gateway, self.account, self.mode)


class Stand:
    def __init__(self, gateway: Gateway, proxy: Proxy, url: str, vendor: str) -> None:
        self.gateway, self.proxy, self.url, self.vendor = gateway, proxy, url, vendor
        self._callers: list[Caller] = []

    async def caller(self, mode: str = "live", *, usd: float = 20, simulate: str = "") -> Caller:
        """With a channel to the proxy that no other caller makes unwell."""
        number = len(self._callers) + 1
        account, new = f"acc_{number}", keys.new_key("live" if mode == "live" else "test")
        group = f"group-{number}"
        key = {"id": f"key_{number}", "account_id": account, "name": "k", "mode": mode, "hint": new.hint}
        hashed = keys.keyed_hash(self.gateway.secrets.hash_key, new.secret)
        async with self.gateway.database.write() as tx:
            await tx.execute(insert(tables.Account).values(id=account, name=account, created_ms=0))
            await repository.open_wallet(tx, account, mode)
            await tx.execute(insert(tables.Group).values(name=group, created_ms=0))
            await tx.execute(insert(tables.Key).values(**key, group_name=group, hash=hashed, created_ms=0))
            await tx.execute(insert(tables.Channel).values(id=f"chn_{number}", **self._channel(group)))
            await revision.bump(tx)
        if usd:
            await self.gateway.credit.adjust(account, mode, int(usd * NANO_PER_USD), note="", now_ms=0)
        await self.gateway.loader.refresh()
        caller = Caller(self, account, mode, new.secret, simulate)
        self._callers.append(caller)
        return caller

    async def disable_channels(self) -> None:
        async with self.gateway.database.write() as tx:
            await tx.execute(update(tables.Channel).values(is_disabled=True))
            await revision.bump(tx)
        await self.gateway.loader.refresh()

    def _channel(self, group: str) -> Json:
        return {
            "name": "proxy",
            "vendor": self.vendor,
            "base_url": self.proxy.url,
            "credentials": self.gateway.secrets.seal(json.dumps([CREDENTIAL])),
            "models": {"midjourney": "midjourney"},
            "groups": [group],
            "created_ms": 0,
        }

    async def close(self) -> None:
        for caller in self._callers:
            await caller.http.close()


@contextlib.asynccontextmanager
async def standing(database: Database, folder: Path, vendor: str = "midjourney") -> AsyncIterator[Stand]:
    """On a migrated database. Its books are recounted at the end."""
    async with playing() as sandbox_url, Proxy().running() as proxy:
        listener, url = listen()
        settings = Settings(
            data=folder, sandbox_url=sandbox_url, public_url=url, fetch_allow=("127.0.0.0/8",)
        )
        gateway = await open_gateway(settings, SystemClock(), sandbox_url=sandbox_url, database=database)
        await _sell(gateway)
        services = jobs.Services(gateway.database, gateway.secrets, gateway.settings, gateway.clock)
        async with serving(gateway, listener), parts.working(gateway, url, jobs.run_forever(services)):
            stand = Stand(gateway, proxy, url, vendor)
            yield stand
            await parts.check_books(gateway)
            await stand.close()
        await gateway.close()


async def _sell(gateway: Gateway) -> None:
    model = {"vendor": "midjourney", "capabilities": ["midjourney"], "is_own": True, "created_ms": 1}
    price = {"components": msgspec.to_builtins(PRICES), "source": "operator", "updated_ms": 1, "note": ""}
    async with gateway.database.write() as tx:
        await tx.execute(insert(tables.Model).values(name="midjourney", display_name="M", **model))
        await tx.execute(insert(tables.Price).values(model="midjourney", **price))
        await revision.bump(tx)
    await gateway.loader.refresh()
