"""A gateway's tasks with a scripted vendor: servers and workers that may die at any operation, on one database."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from aiohttp import web
from sqlalchemy import func, insert, select, update
from tests.bank.edge import Edge, edged, enter

from pronghorn import vendors
from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.ids import request_id
from pronghorn.ledger import audit, pots, repository
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Journal
from pronghorn.ledger.posting import post_all
from pronghorn.observability import Metrics
from pronghorn.relay.incoming import Incoming
from pronghorn.routing import Grant, Loader
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.tasks.draft import Wanted
from pronghorn.tasks.engine import Engine
from pronghorn.tasks.service import Tasks
from pronghorn.tasks.view import View
from pronghorn.upstream import Client
from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.suno import Gateway
from pronghorn.vendors.task import Ask

ACCOUNT, KEY = "acc_1", "key_1"
SECRET = "the-secret-of-this-test"
SECRETS = Secrets([SECRET])
PRICE = 100_000_000
"""Of a song, nano-dollars."""
CREDENTIAL = "sk-canary-of-the-studio"
SERVER = "server1"


class StudioAdapter(Gateway):
    """Suno's protocol, by a vendor that also cancels, and finds again what it was asked for by our id."""

    def submit(self, wanted: Any) -> Ask:
        asked = super().submit(wanted)
        return asked._replace(body={**asked.body, "ours": wanted.task_id})

    def cancel(self, upstream_id: str) -> Ask | None:
        return Ask("POST", f"/suno/cancel/{upstream_id}", {})

    def find(self, wanted_id: str) -> Ask | None:
        return Ask("GET", f"/suno/find?ours={wanted_id}")

    def found(self, wanted_id: str, status: int, reply: Any) -> str | None:
        return reply.get("data") if status == 200 and reply else None


class ForgetfulAdapter(StudioAdapter):
    def find(self, wanted_id: str) -> Ask | None:
        return None


class Studio:
    """The vendor. `jobs` is what it has taken, and what it says of each."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.ours: dict[str, str] = {}
        self.submissions = self.fetches = self.cancellations = 0
        self.refuses: tuple[int, Any] | None = None
        self.submits_with: tuple[int, str] | None = None
        """What it answers to a submission that it has taken."""
        self.cancels_with: tuple[int, str] | None = None
        """What it answers to a cancellation, which it heeds not."""
        self.ends_cancelled_as = "CANCELLED"
        self.is_strict = False
        """Refuses to cancel what is over, or has begun."""
        self.drops = False
        """Takes the job, and hangs up before it says so."""
        self.fetched_with: list[str] = []
        """The credential of each fetch."""
        self.fetch_fails: tuple[int, str] | None = None
        self.fetch_drops = False
        """Hangs up instead of an answer."""
        self.gate: asyncio.Event | None = None
        """Fetches wait for it."""
        self.submit_gate: asyncio.Event | None = None
        """The answers to submissions wait for it."""
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Studio"]:
        app = web.Application()
        app.router.add_post("/suno/submit/{action}", self._submit)
        app.router.add_post("/suno/fetch", self._fetch)
        app.router.add_post("/suno/cancel/{id}", self._cancel)
        app.router.add_get("/suno/find", self._find)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def say(self, upstream_id: str, status: str, **more: Any) -> None:
        self.jobs[upstream_id] |= {"status": status} | more

    def say_all(self, status: str, **more: Any) -> None:
        for upstream_id in self.jobs:
            self.say(upstream_id, status, **more)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["authorization"] == f"Bearer {CREDENTIAL}"
        self.submissions += 1
        body = await request.json()
        assert "notify_hook" not in body
        if self.refuses is not None:
            status, reply = self.refuses
            return web.json_response(reply, status=status)
        upstream_id = f"up-{len(self.jobs) + 1}"
        self.jobs[upstream_id] = {
            "task_id": upstream_id,
            "status": "SUBMITTED",
            "progress": "0%",
            "data": None,
        }
        self.ours[body.get("ours", "")] = upstream_id
        if self.submit_gate is not None:
            await self.submit_gate.wait()
        if self.drops:
            assert request.transport is not None
            request.transport.close()
        if self.submits_with is not None:
            status, text = self.submits_with
            return web.Response(status=status, text=text.replace("ID", upstream_id))
        return web.json_response({"code": "success", "message": "", "data": upstream_id})

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        self.fetches += 1
        self.fetched_with.append(request.headers.get("authorization", ""))
        ids = (await request.json())["ids"]
        found = [dict(self.jobs[one]) for one in ids if one in self.jobs]
        if self.gate is not None:
            await self.gate.wait()
        if self.fetch_drops:
            assert request.transport is not None
            request.transport.close()
        if self.fetch_fails is not None:
            status, text = self.fetch_fails
            return web.Response(status=status, text=text)
        text = json.dumps({"code": "success", "message": "", "data": found})
        return web.Response(text=text, content_type="application/json")

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        self.cancellations += 1
        if self.is_strict and self.jobs[request.match_info["id"]]["status"] != "SUBMITTED":
            return web.json_response({"code": "too_late"}, status=400)
        if self.cancels_with is not None:
            status, text = self.cancels_with
            return web.Response(status=status, text=text)
        self.say(request.match_info["id"], self.ends_cancelled_as)
        return web.json_response({"code": "success", "message": "", "data": None})

    async def _find(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "success", "data": self.ours.get(request.query["ours"])})


@contextlib.contextmanager
def known_studios() -> Iterator[None]:
    """The vendors `studio` and `forgetful`, for as long as a test runs."""
    studios = {
        name: ChatVendor(name=name, base_url="", root="", paths={}, tasks=MappingProxyType({"suno": adapter}))
        for name, adapter in (("studio", StudioAdapter()), ("forgetful", ForgetfulAdapter()))
    }
    # Several stands may stand at once.
    with mock.patch.dict(vendors.load(), studios):
        yield


class House:
    """One account with money, one channel; `server` submits, `worker` looks."""

    def __init__(self, database: Database, folder: Path, studio: Studio) -> None:
        self.database = database
        self.folder = folder
        self.studio = studio
        self.clock = FakeClock()
        self.vault = SECRETS
        self.edge = Edge()
        self.settings = Settings(data=folder)
        self.client = Client()
        self.epoch = 0
        self.server: Tasks
        self.worker: Engine
        self.grant: Grant
        self._journal: Journal | None = None
        self._credit: Credit

    async def open(self, *, usd: int = 10, vendor: str = "studio") -> None:
        async with self.database.write() as tx:
            await tx.execute(
                insert(tables.Account).values(id=ACCOUNT, name="a", group_name="default", created_ms=1)
            )
            await repository.open_wallet(tx, ACCOUNT, "live")
            key = {"account_id": ACCOUNT, "name": "k", "mode": "live", "hint": "h", "created_ms": 1}
            await tx.execute(insert(tables.Key).values(id=KEY, hash=b"k".ljust(32), **key))
            await tx.execute(insert(tables.Server).values(id=SERVER, epoch=0, started_ms=0))
            model = {"vendor": "suno", "capabilities": ["suno"], "is_own": True, "created_ms": 1}
            await tx.execute(
                insert(tables.Model).values(name="suno", display_name="Suno", description="", **model)
            )
            price = {"components": {"per_call_usd": {"music": "0.1"}}, "source": "operator", "updated_ms": 1}
            await tx.execute(insert(tables.Price).values(model="suno", note="", **price))
        await self.add_channel("chn_1", vendor)
        await self.pay_in(usd)
        await self.start()

    async def add_channel(self, channel_id: str, vendor: str = "studio") -> None:
        """To the one vendor; servers and workers that run know it after `start`."""
        async with self.database.write() as tx:
            await tx.execute(
                insert(tables.Channel).values(
                    id=channel_id,
                    name=channel_id,
                    vendor=vendor,
                    base_url=self.studio.url,
                    credentials=SECRETS.seal(f'["{CREDENTIAL}"]'),
                    models={"suno": "suno"},
                    groups=["default"],
                    created_ms=1,
                )
            )
            await revision.bump(tx)

    async def pay_in(self, usd: int) -> None:
        async with self.database.write() as tx:
            await repository.adjust(tx, ACCOUNT, "live", usd * 10**9, note="", now_ms=1)

    async def start(self) -> None:
        """A new life of the server and the worker: what the one before had in memory is gone."""
        self.epoch += 1
        if self._journal is not None:
            self._journal.close()
        await post_all(self.database, self.folder / "journal", self.clock)
        async with self.database.write() as tx:
            await tx.execute(update(tables.Server).values(epoch=self.epoch))
            await pots.reclaim(tx, SERVER, self.epoch)
        database = edged(self.database, self.edge)
        self._credit = Credit(database, SERVER, self.epoch, self.clock)
        self._journal = Journal(self.folder / "journal", SERVER, self.epoch, 50)
        loader = Loader(self.database, self._credit, self.vault, self.clock, "")
        await loader.refresh()
        (self.grant,) = loader.snapshot.grants.values()
        self.server = Tasks(
            database=database,
            credit=self._credit,
            vault=self.vault,
            clock=self.clock,
            settings=self.settings,
            loader=loader,
            client=self.client,
            journal=self._journal,
            metrics=Metrics(),
        )
        self.worker = self.new_worker()

    def die(self) -> None:
        """Server and worker have nothing in memory any more, and their files are closed."""
        self.worker.stop()
        self.edge.release_files()
        self.edge = Edge()
        enter(self.edge)
        self._journal = None

    def new_worker(self, seed: int = 1) -> Engine:
        database = edged(self.database, self.edge)
        return Engine(database, self.vault, self.settings, self.clock, self.client, seed=seed)

    async def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        await self.client.close()

    # What a test does

    async def submit(self, **more: Any) -> View:
        incoming = Incoming(request_id(), {}, b"{}", None, "10.0.0.1", self.clock.now())
        wanted = {"family": "suno", "action": "music", "body": {"prompt": "p"}} | more
        return await self.server.submit(incoming, self.grant, Wanted(**wanted))

    async def look(self, after_s: float = 30.0, worker: Engine | None = None) -> None:
        """Time goes on, and whatever is due then is looked at."""
        self.clock.advance(after_s)
        worker = worker or self.worker
        while await worker.round():
            await worker.settle()

    async def rows(self) -> list[Any]:
        async with self.database.read() as tx:
            return list(
                await tx.execute(select(*tables.Task.__table__.columns).order_by(tables.Task.created_ms))
            )

    async def log(self) -> list[Any]:
        await self._post()
        async with self.database.read() as tx:
            return list(await tx.execute(select(*tables.Request.__table__.columns)))

    async def balance(self) -> int:
        """All that is not spent and not held by a task."""
        found = (await self._credit.standing([ACCOUNT], "live"))[ACCOUNT]
        return found.balance

    async def pending(self) -> int:
        async with self.database.read() as tx:
            open_holds = select(func.count()).where(tables.Hold.state == "pending")
            return await tx.scalar(open_holds.select_from(tables.Hold)) or 0

    async def check_books(self) -> None:
        await self._post()
        async with self.database.read() as tx:
            report = await audit.audit(tx)
        assert report.differences == []

    async def _post(self) -> None:
        await post_all(self.database, self.folder / "journal", self.clock)
