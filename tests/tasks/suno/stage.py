"""A whole gateway with its worker, for songs: the sandbox behind test keys, and behind live ones whom a test names.

The group of a live caller is the name of its vendor: each is a channel to the sandbox, and `peer` to a scripted server.
"""

import asyncio
import contextlib
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
from pronghorn.commerce import dispatch
from pronghorn.commerce.jobs import Services
from pronghorn.kit.clock import SystemClock
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import repository
from pronghorn.ledger.catalogue.media import read_media
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.tasks import family

CREDENTIAL = "sk-canary-of-the-label"
WAIT_S = 30.0
PRICES = {row.model: row.usd for row in read_media() if row.model in ("suno", "udio")}
CHANNELS = {
    "suno": "",
    "suno_gcui": "/gcui",
    "suno_sunoapi": "/sunoapi",
    "udio": "",
    "udio_proxy": "",
}
"""Vendors, and where the sandbox plays them."""
Json = dict[str, Any]


class Peer:
    """A server of the protocols. `replies` are what it answers next, by path; `seen` what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.replies: dict[str, list[tuple[int, Any]]] = {}
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        app = web.Application()
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
        """The last reply of a path stays."""
        self.replies.setdefault(path, []).append((status, reply))

    def forget(self) -> None:
        self.replies.clear()
        self.seen.clear()

    def asked(self, path: str) -> list[Any]:
        return [body for _, seen, _, body in self.seen if seen == path]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append((request.method, request.path, dict(request.headers), body))
        scripted = self.replies.get(request.path)
        if not scripted:
            return web.Response(status=500)
        status, reply = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        return web.json_response(reply, status=status)


class Caller:
    """Who has a key. `simulate` is what test keys ask of the sandbox."""

    def __init__(self, stage: "Stage", account: str, mode: str, key: str, simulate: str) -> None:
        self.account, self.mode, self.key = account, mode, key
        self._stage = stage
        headers = {"authorization": f"Bearer {key}"}
        self.http = aiohttp.ClientSession(stage.url, headers=headers)
        self._simulate = {"x-pronghorn-simulate": simulate} if simulate else {}

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = self._simulate | headers
        async with self.http.request(method, path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.call(method, path, body)
        assert status == 200, answer
        return answer

    async def submit(self, path: str, body: Any) -> str:
        """The id of the task; the answer is the page's, with nothing besides."""
        answer = await self.good("POST", path, body)
        assert answer == {"code": "success", "message": "", "data": answer["data"]}
        return str(answer["data"])

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code word and message of a refusal in the page's envelope."""
        status, answer = await self.call(method, path, body)
        assert set(answer) == {"code", "message", "data"}, answer
        assert answer["data"] is None
        return status, answer["code"], answer["message"]

    async def ended(self, task_id: str, family: str = "suno") -> Json:
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.good("GET", f"/{family}/fetch/{task_id}")
                task = answer["data"]
                if task["status"] in ("SUCCESS", "FAILURE"):
                    return dict(task)
                assert task["status"] in ("NOT_START", "SUBMITTED", "IN_PROGRESS"), task
                await asyncio.sleep(0.05)

    async def made(self, path: str, body: Any, family: str = "suno") -> Json:
        task = await self.ended(await self.submit(path, body), family)
        assert task["status"] == "SUCCESS", task
        return task

    async def file(self, url: str) -> tuple[str, bytes]:
        """Asked for without a key, as players do."""
        async with aiohttp.ClientSession() as anybody, anybody.get(url) as answer:
            assert answer.status == 200, (url, await answer.text())
            return answer.content_type, await answer.read()

    async def rows(self) -> list[Any]:
        """Of the usage log, oldest first."""
        return await parts.rows_of(self._stage.gateway, self.account)

    async def spent(self) -> int:
        return await parts.spent_by(self._stage.gateway, self.account, self.mode)


class Stage:
    def __init__(self, gateway: Gateway, peer: Peer, url: str) -> None:
        self.gateway, self.peer, self.url = gateway, peer, url
        self._callers: list[Caller] = []

    async def caller(self, vendor: str = "", *, usd: float = 20, simulate: str = "") -> Caller:
        """With a test key, or with a live one in the group of `vendor`."""
        number, mode = len(self._callers) + 1, "live" if vendor else "test"
        account, new = f"acc_{number}", keys.new_key("live" if vendor else "test")
        key = {"id": f"key_{number}", "account_id": account, "name": "k", "mode": mode, "hint": new.hint}
        hashed = keys.keyed_hash(self.gateway.secrets.hash_key, new.secret)
        async with self.gateway.database.write() as tx:
            group = vendor or "default"
            await tx.execute(
                insert(tables.Account).values(id=account, name=account, group_name=group, created_ms=0)
            )
            await repository.open_wallet(tx, account, mode)
            await tx.execute(insert(tables.Key).values(**key, hash=hashed, created_ms=0))
            await revision.bump(tx)
        if usd:
            await self.gateway.credit.adjust(account, mode, int(usd * NANO_PER_USD), note="", now_ms=0)
        await self.gateway.loader.refresh()
        if not vendor and not simulate:
            simulate = "speed=100"
        caller = Caller(self, account, mode, new.secret, simulate)
        self._callers.append(caller)
        return caller

    async def set_channel(self, id: str, **values: Any) -> None:
        async with self.gateway.database.write() as tx:
            await tx.execute(update(tables.Channel).where(tables.Channel.id == id).values(values))
            await revision.bump(tx)
        await self.gateway.loader.refresh()

    async def deliver(self) -> None:
        """What the worker does with callbacks that are due."""
        gateway = self.gateway
        await dispatch.send_due(Services(gateway.database, gateway.secrets, gateway.settings, gateway.clock))

    async def close(self) -> None:
        for caller in self._callers:
            await caller.http.close()


@contextlib.asynccontextmanager
async def staged(database: Database, folder: Path) -> AsyncIterator[Stage]:
    """On a migrated database. Its books are recounted at the end."""
    async with playing() as sandbox_url, Peer().running() as peer, _impatient():
        settings = Settings(data=folder, sandbox_url=sandbox_url, fetch_allow=("127.0.0.0/8",))
        gateway = await open_gateway(settings, SystemClock(), sandbox_url=sandbox_url, database=database)
        await _sell(gateway, sandbox_url, peer.url)
        listener, url = listen()
        async with serving(gateway, listener), parts.working(gateway, url):
            stage = Stage(gateway, peer, url)
            yield stage
            await parts.check_books(gateway)
            await stage.close()
        await gateway.close()


@contextlib.asynccontextmanager
async def _impatient() -> AsyncIterator[None]:
    """The sandbox is quick, so live tasks are looked at often."""
    found = [family.load()[name] for name in PRICES]
    for one in found:
        vars(one)["pause_s"] = 0.2
    try:
        yield
    finally:
        for one in found:
            del vars(one)["pause_s"]


async def _sell(gateway: Gateway, sandbox_url: str, peer_url: str) -> None:
    async with gateway.database.write() as tx:
        for name, usd in PRICES.items():
            model = {"vendor": name, "capabilities": [name], "is_own": True, "created_ms": 1}
            price = {
                "components": msgspec.to_builtins(usd),
                "source": "operator",
                "updated_ms": 1,
                "note": "",
            }
            await tx.execute(insert(tables.Model).values(name=name, display_name=name, **model))
            await tx.execute(insert(tables.Price).values(model=name, **price))
        for vendor, path in CHANNELS.items():
            await tx.execute(insert(tables.Channel).values(_channel(gateway, vendor, sandbox_url + path)))
        for vendor in CHANNELS:
            row = _channel(gateway, vendor, peer_url) | {
                "id": f"chn_peer_{vendor}",
                "groups": [f"peer_{vendor}"],
            }
            await tx.execute(insert(tables.Channel).values(row))
        await revision.bump(tx)
    await gateway.loader.refresh()


def _channel(gateway: Gateway, vendor: str, url: str) -> Json:
    model = vendor.partition("_")[0]
    return {
        "id": f"chn_{vendor}",
        "name": vendor,
        "vendor": vendor,
        "base_url": url,
        "credentials": gateway.secrets.seal(json.dumps([CREDENTIAL])),
        "models": {model: model},
        "groups": [vendor],
        "created_ms": 0,
    }
