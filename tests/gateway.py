"""The gateway inside the test's own event loop, with a scripted vendor behind it."""

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, insert, select
from tests.serving import listen, serving

from pronghorn.accounts import keys
from pronghorn.app import Gateway, open_gateway
from pronghorn.kit.clock import SystemClock
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import posting, repository
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.store.migrate import migrate

CANARY = "sk-canary-5b1d9e"
MODEL = "scripted"


@dataclass
class Seen:
    """One request as the vendor got it."""

    head: bytes
    body: bytes
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """The gateway closed the connection."""


Script = Callable[[asyncio.StreamWriter, Seen], Awaitable[None]]


class Vendor:
    """Plays `script` for each request; `seen` are the requests that came."""

    def __init__(self) -> None:
        self.script: Script = answer_json({})
        self.seen: list[Seen] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = Seen(b"", b"")
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen = Seen(head, b"")
                self.seen.append(seen)
                if b"content-length: " in head:
                    seen.body = await reader.readexactly(
                        int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                    )
                playing = asyncio.ensure_future(self.script(writer, seen))
                watching = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((playing, watching), return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.exception()
                    playing.cancel()
                    return
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            seen.closed.set()
            writer.close()


def send(*pieces: bytes, then: str = "keep", pause_s: float = 0.0) -> Script:
    """Write the pieces, with a pause after each; then `keep` the connection, `close`, `reset`, or stay `silent`."""

    async def play(writer: asyncio.StreamWriter, seen: Seen) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if then == "silent":
            await asyncio.Event().wait()
        if then == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if then in ("close", "reset"):
            writer.close()

    return play


def answer(body: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json", **more: str) -> bytes:
    lines = b"".join(f"{name.replace('_', '-')}: {value}\r\n".encode() for name, value in more.items())
    head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status, kind, len(body), lines) + body


def answer_json(document: Any, status: bytes = b"200 OK") -> Script:
    return send(answer(json_bytes(document), status))


def json_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Running:
    """A gateway with one channel, one account and one live key."""

    def __init__(self, gateway: Gateway, vendor: Vendor, url: str, account: str, key: str) -> None:
        self.gateway = gateway
        self.vendor = vendor
        self.url = url
        self.account = account
        self.key = key
        self.session = aiohttp.ClientSession(url, headers={"authorization": f"Bearer {key}"})

    async def chat(self, **more: Any) -> aiohttp.ClientResponse:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100} | more
        return await self.session.post("/v1/chat/completions", json=body)

    async def rows(self) -> list[Any]:
        """The usage log, posted first; the newest row last."""
        folder = self.gateway.settings.data / "journal"
        await posting.post_all(self.gateway.database, folder, self.gateway.clock)
        async with self.gateway.database.read() as tx:
            found = await tx.execute(
                select(*tables.Request.__table__.columns).order_by(tables.Request.posted_ms)
            )
            return list(found)

    async def only_row(self) -> Any:
        """The one row that the log has, or will have once the request is settled."""
        while not (rows := await self.rows()):
            await asyncio.sleep(0.01)
        (row,) = rows
        return row

    async def check_money(self) -> None:
        """Nothing is held, nothing negative, and what is left and what was spent is what was paid in."""
        rows = await self.rows()
        standing = (await self.gateway.credit.standing([self.account], "live"))[self.account]
        assert standing.held == 0
        assert min(standing) >= 0
        assert standing.spent == sum(row.cost for row in rows)
        async with self.gateway.database.read() as tx:
            paid_in = await tx.scalar(
                select(func.sum(tables.Entry.amount)).where(
                    tables.Entry.kind == "deposit", tables.Entry.mode == "live"
                )
            )
            charged = await tx.scalar(
                select(func.sum(tables.Entry.amount)).where(tables.Entry.kind == "charge")
            )
        assert standing.balance + standing.spent == paid_in
        assert (charged or 0) == standing.spent
        assert len({row.id for row in rows}) == len(rows)
        assert all(row.end_reason for row in rows)


@contextlib.asynccontextmanager
async def running(folder: Path, *, usd: float = 10, **settings: Any) -> AsyncIterator[Running]:
    vendor = Vendor()
    vendor_url = await vendor.start()
    configured = Settings(data=folder / "data", **settings)
    configured.data.mkdir(parents=True)
    shutil.copy(await _migrated(), configured.data / "pronghorn.db")
    database = Database(configured.resolved_database_url)
    gateway = await open_gateway(configured, SystemClock(), sandbox_url=vendor_url, database=database)
    listener, url = listen()
    account, key = await _set_up(gateway, vendor_url, usd)
    run = Running(gateway, vendor, url, account, key)
    try:
        async with serving(gateway, listener):
            try:
                yield run
                await run.check_money()
            finally:
                await run.session.close()
    finally:
        await gateway.close()
        await vendor.close()
        for path in folder.rglob("*"):
            assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path


_template = Path(tempfile.gettempdir()) / f"pronghorn-migrated-{os.getpid()}.db"


async def _migrated() -> Path:
    """An empty database with all tables, made once for a test run."""
    if not _template.exists():
        database = Database(f"sqlite+aiosqlite:///{_template}")
        await migrate(database)
        await database.close()
        atexit.register(_template.unlink)
    return _template


async def _set_up(gateway: Gateway, vendor_url: str, usd: float) -> tuple[str, str]:
    new = keys.new_key("live")
    async with gateway.database.write() as tx:
        await tx.execute(insert(tables.Account).values(id="acc_1", name="a", created_ms=0))
        await repository.open_wallet(tx, "acc_1", "live")
        await tx.execute(
            insert(tables.Key).values(
                id="key_1",
                account_id="acc_1",
                name="k",
                mode="live",
                hint=new.hint,
                hash=keys.keyed_hash(gateway.secrets.hash_key, new.secret),
                created_ms=0,
            )
        )
        await tx.execute(
            insert(tables.Channel).values(
                id="chn_1",
                name="c",
                vendor="openai",
                base_url=vendor_url,
                credentials=gateway.secrets.seal(f'["{CANARY}"]'),
                models={MODEL: MODEL, "alias": "the-vendors-name"},
                groups=["default"],
                created_ms=0,
            )
        )
        for name in (MODEL, "alias"):
            await tx.execute(
                insert(tables.Model).values(name=name, vendor="x", capabilities=["chat"], created_ms=0)
            )
            await tx.execute(
                insert(tables.Price).values(
                    model=name,
                    source="operator",
                    components={"input_usd_per_million": "1", "output_usd_per_million": "2"},
                    updated_ms=0,
                )
            )
        await revision.bump(tx)
    if usd:
        await gateway.credit.adjust("acc_1", "live", int(usd * NANO_PER_USD), note="", now_ms=0)
    await gateway.loader.refresh()
    return "acc_1", new.secret
