"""A gateway whose tasks have ended already, the vendor that made their files, and somebody else's server."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import insert, update
from tests.gateway import CANARY, Running

from pronghorn.kit.clock import Clock
from pronghorn.settings import Settings
from pronghorn.store import models as tables
from pronghorn.store import revision
from pronghorn.tasks import asking, repository
from pronghorn.tasks.job import Bill, Job
from pronghorn.tasks.links import Links
from pronghorn.tasks.mirror import Mirror
from pronghorn.tasks.view import sealed

SONG = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(20_000))
"""640,000 bytes, no two parts of it alike."""
FOREIGN = "127.0.0.2"
"""Another host: what the gateway may not reach unless the test lets it."""


@dataclass
class Studio:
    """A vendor. It gives files by `/files/...`; what `seen` has are the requests, in their order."""

    host: str
    seen: list[web.Request] = field(default_factory=list)
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    is_closed_to_strangers: bool = False
    """Wants the channel's credential."""
    is_dead: bool = False
    """Its links have expired."""
    redirects: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody hung up on a file that has no end."""
    sent: int = 0
    url: str = ""

    @property
    def authorizations(self) -> list[str]:
        return [request.headers.get("authorization", "") for request in self.seen]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Studio"]:
        app = web.Application()
        app.router.add_route("*", "/files/{name:.*}", self._file)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, self.host, 0).start()
        self.url = f"http://{self.host}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if self.redirects:
            return web.Response(status=302, headers={"location": self.redirects.pop(0)})
        if self.is_dead:
            return web.Response(status=403, text=f"<Error>expired {CANARY}</Error>", content_type="text/html")
        if self.is_closed_to_strangers and request.headers.get("authorization") != f"Bearer {CANARY}":
            return web.Response(status=401, text="who are you?")
        name = request.match_info["name"]
        if name == "silent":
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.02)
            self.left.set()
        if name == "stalled":
            return await self._stalled(request)
        if name in ("endless", "broken"):
            return await self._endless(request, is_broken=name == "broken")
        if name not in self.files:
            return web.Response(status=404)
        return _part(request, *self.files[name])

    async def _stalled(self, request: web.Request) -> web.StreamResponse:
        """Begins, and then says nothing more."""
        response = web.StreamResponse(headers={"content-type": "audio/mpeg"})
        await response.prepare(request)
        await response.write(b"x" * 1000)
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.02)
        self.left.set()
        return response

    async def _endless(self, request: web.Request, *, is_broken: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "audio/mpeg"})
        if is_broken:
            response.content_length = 10_000_000
        await response.prepare(request)
        try:
            while not is_broken or self.sent < 1_000_000:
                await response.write(b"x" * 100_000)
                self.sent += 100_000
        except ConnectionError:
            self.left.set()
            raise
        assert request.transport is not None
        request.transport.close()
        return response


def _part(request: web.Request, data: bytes, kind: str) -> web.Response:
    headers = {
        "content-type": kind,
        "set-cookie": "vendor=1",
        "x-vendor-account": CANARY,
        "server": "the vendor's",
        "accept-ranges": "bytes",
    }
    span = request.http_range
    if span.start is None and span.stop is None:
        return web.Response(body=data, headers=headers)
    start, stop, _ = span.indices(len(data))
    if start >= stop:
        return web.Response(status=416, headers={"content-range": f"bytes */{len(data)}"})
    headers["content-range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)


class Gallery:
    def __init__(self, run: Running, studio: Studio, foreign: Studio) -> None:
        self.run = run
        self.studio = studio
        self.foreign = foreign
        self.count = 0

    @property
    def vault(self) -> Any:
        return self.run.gateway.secrets

    @property
    def now_ms(self) -> int:
        return int(self.run.gateway.clock.now() * 1000)

    async def open(self) -> "Gallery":
        values = {
            "id": "chn_2",
            "name": "studio",
            "vendor": "suno",
            "base_url": self.studio.url,
            "credentials": self.vault.seal(f'["{CANARY}"]'),
            "models": {"suno": "suno"},
            "groups": ["default"],
            "created_ms": 0,
        }
        async with self.run.gateway.database.write() as tx:
            await tx.execute(insert(tables.Channel).values(values))
            await revision.bump(tx)
        await self.run.gateway.loader.refresh()
        return self

    async def hang(self, url: str, *, name: str = "audio_url", **more: Any) -> str:
        """A task with one file at `url`; gives the path of its link."""
        self.count += 1
        task_id = f"task-{self.count}"
        await self.add(task_id, [{"id": f"clip-{self.count}", name: url}], **more)
        ending = {"audio_url": "mp3", "image_url": "jpeg", "video_url": "mp4"}[name]
        return self.link(task_id, f"0.{ending}")

    async def add(self, task_id: str, data: Any, **more: Any) -> None:
        channel = next(one for one in self.run.gateway.loader.snapshot.channels if one.id == "chn_2")
        bill = Bill(0, [], 1_000_000, "music", "default", "suno", "", "")
        values = {
            "id": task_id,
            "family": "suno",
            "action": "music",
            "account_id": self.run.account,
            "mode": "live",
            "key_id": "key_1",
            "model": "suno",
            "request_id": f"req-{task_id}",
            "channel_id": "chn_2",
            "credential": asking.fingerprint(channel, 0, self.vault.hash_key),
            "upstream_id": f"up-{task_id}",
            "state": "succeeded",
            "request": sealed(Job({}, bill), self.vault),
            "data": sealed(data, self.vault),
            "created_ms": self.now_ms,
            "finished_ms": self.now_ms,
            "deadline_ms": self.now_ms + 60_000,
            "due_ms": self.now_ms + 30_000,
            "attempts": [],
        }
        async with self.run.gateway.database.write() as tx:
            await repository.add(tx, values | more)

    async def change(self, task_id: str, **values: Any) -> None:
        async with self.run.gateway.database.write() as tx:
            await tx.execute(update(tables.Task).where(tables.Task.id == task_id).values(values))

    async def row(self, task_id: str) -> Any:
        async with self.run.gateway.database.read() as tx:
            return await repository.find(tx, task_id)

    @property
    def links(self) -> Links:
        return Links(self.vault, "")

    def link(self, task_id: str, name: str) -> str:
        return self.links.of(task_id)(name, "there is one")

    async def get(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Without a key, as players ask. What the vendor must keep to itself is in no answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(self.run.url, auto_decompress=False) as session,
            session.request(method, path, headers=named, allow_redirects=False) as answer,
        ):
            body = await answer.read()
        said = f"{answer.raw_headers!r}".lower()
        assert CANARY not in said
        assert CANARY.encode() not in body
        assert "set-cookie" not in said and "vendor" not in said
        assert self.studio.url.encode() not in body
        assert "text/html" not in said
        return answer, body

    def mirror(self, clock: Clock | None = None, **changed: Any) -> Mirror:
        gateway = self.run.gateway
        kept = {name: getattr(gateway.settings, name) for name in gateway.settings.__struct_fields__}
        return Mirror(gateway.database, gateway.secrets, Settings(**(kept | changed)), clock or gateway.clock)
