"""A fleet of real processes on one PostgreSQL: servers with a data folder and a worker each, and the ways to it."""

import asyncio
import contextlib
import json
import os
import subprocess
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tests.faults.raw import CANARY, RawAnswer, call, connect, request
from tests.faults.upstream import ScriptedUpstream
from tests.process import Installation
from tests.store import postgresql
from tests.store.databases import PostgreSQL

from pronghorn.ledger.audit import audit
from pronghorn.store import Database

MODEL = "fleet"
SETTLED_S = 30.0
"""Within so long everything that ended is in the database, and a lease that nobody uses is back."""


class Postgres:
    """A PostgreSQL server that can be taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.databases = PostgreSQL(folder)

    def stop(self) -> None:
        """As a machine that loses its power."""
        self._run("stop", "-m", "immediate")

    def start(self, *options: str) -> None:
        given = f"-F -c autovacuum=off -c listen_addresses= -c unix_socket_directories={self.folder}"
        self._run("start", "-o", " ".join((given, *options)))

    def restart(self, *options: str) -> None:
        self._run("stop", "-m", "fast")
        self.start(*options)

    def _run(self, *arguments: str) -> None:
        own = self.folder / postgresql.WHEEL / postgresql.VERSION / "bin"  # the copy that `nobody` runs
        programs, user = (own, {"user": "nobody", "extra_groups": []}) if own.exists() else _installed()
        command = [str(programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *arguments]
        log = self.folder / "pg_ctl.log"
        with log.open("ab") as output:
            done = subprocess.run(command, cwd=self.folder, stdout=output, stderr=output, **user)
        assert done.returncode == 0, log.read_text()


def _installed() -> tuple[Path, dict[str, Any]]:
    assert os.geteuid(), "root has a copy"
    return postgresql._programs(Path())


@contextmanager
def postgres() -> Iterator[Postgres]:
    with postgresql.running() as folder:
        yield Postgres(folder)


class Server:
    """One installation of the fleet: `pronghorn up` with its own data folder."""

    def __init__(self, folder: Path, database_url: str, config: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-sandbox", "--config", str(config))
        url = ("--database-url", database_url) if database_url else ()
        self.installation = Installation(folder, *options, *url)

    @property
    def port(self) -> int:
        port = urllib.parse.urlsplit(self.installation.base_url).port
        assert port is not None
        return port

    def request(self, key: str, *, path: str = "/v1/chat/completions", **more: Any) -> bytes:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50} | more
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        return request("POST", path, headers, json.dumps(body).encode())

    async def ask(self, key: str, **more: Any) -> RawAnswer:
        async with connect(self.port) as connection, asyncio.timeout(SETTLED_S):
            await connection.send(self.request(key, **more))
            answer = await connection.head()
            await connection.rest(answer)
        return answer

    async def ready(self) -> tuple[int, dict[str, Any]]:
        answer = await call(self.port, request("GET", "/readyz"))
        return answer.status, answer.json()

    async def manage(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self.installation.manage, method, path, body)

    async def try_to_manage(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        token = self.installation.first["admin_token"]
        return await asyncio.to_thread(self.installation.call, method, f"/manage/v1{path}", body, token)


class Fleet:
    """Servers on one database, one vendor behind all of them."""

    def __init__(self, servers: list[Server], upstream: ScriptedUpstream, database_url: str) -> None:
        self.servers = servers
        self.upstream = upstream
        self.database_url = database_url

    @property
    def first(self) -> Server:
        return self.servers[0]

    async def prepare(self, price: dict[str, str]) -> None:
        """The channel, the model and its price."""
        channel = {"name": "v", "vendor": "openai", "base_url": self.upstream.url, "models": [MODEL]}
        await self.first.manage("POST", "/channels", channel | {"credentials": [CANARY]})
        await self.first.manage("PUT", f"/prices/{MODEL}", price)

    async def account(self, usd: str) -> tuple[str, str]:
        """An account with money and a key that all servers know; their ids."""
        account = (await self.first.manage("POST", "/accounts", {"name": "a"}))["id"]
        if usd != "0":
            await self.first.manage("POST", f"/accounts/{account}/adjust", {"amount_usd": usd, "note": "n"})
        wanted = {"account_id": account, "name": "k", "mode": "live"}
        key = (await self.first.manage("POST", "/keys", wanted))["key"]
        async with asyncio.timeout(SETTLED_S):
            for server in self.servers:
                while not await self._knows(server, key):
                    await asyncio.sleep(0.05)
        return account, key

    @staticmethod
    async def _knows(server: Server, key: str) -> bool:
        headers = {"authorization": f"Bearer {key}"}
        return (await call(server.port, request("GET", "/v1/models", headers))).status == 200

    async def standing(self, account: str) -> dict[str, str]:
        """The account, once nothing of it is held."""
        async with asyncio.timeout(SETTLED_S):
            while Decimal((found := await self.first.manage("GET", f"/accounts/{account}"))["held_usd"]):
                await asyncio.sleep(0.05)
        return dict(found)

    async def rows(self, account: str, count: int) -> list[dict[str, Any]]:
        """The account's log, once it has so many rows."""
        async with asyncio.timeout(SETTLED_S):
            while len(rows := await self._rows(account)) < count:
                await asyncio.sleep(0.05)
        assert len({row["id"] for row in rows}) == len(rows) == count
        return rows

    async def _rows(self, account: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self.first.manage("GET", f"/requests?limit=1000&account_id={account}{after}")
            found += page["items"]
            if not page["next"]:
                return found
            after = f"&cursor={urllib.parse.quote(page['next'])}"

    async def assert_books(self) -> None:
        """The audit finds nothing."""
        database = Database(self.database_url)
        try:
            async with database.read() as tx:
                if not database.is_sqlite:  # workers go on posting: all questions are to be about one moment
                    await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                report = await audit(tx)
        finally:
            await database.close()
        assert not report.differences, report.differences
        assert report.requests and report.entries


@contextlib.asynccontextmanager
async def running(
    folder: Path, count: int, database_url: str, *, data: Path | None = None, **settings: object
) -> AsyncIterator[Fleet]:
    """So many servers with these settings. `database_url` empty: one server, on SQLite in its data folder."""
    config = folder / "pronghorn.toml"
    settings = {"secret": "of-all-servers-of-this-fleet", "retries": 0} | settings
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    servers = [Server(data or folder / f"server{n}", database_url, config) for n in range(count)]
    upstream = await ScriptedUpstream().start()
    url = database_url or f"sqlite+aiosqlite:///{(data or folder / 'server0') / 'data' / 'pronghorn.db'}"
    try:
        await asyncio.to_thread(servers[0].installation.start)  # the first one migrates
        await asyncio.gather(*(asyncio.to_thread(server.installation.start) for server in servers[1:]))
        yield Fleet(servers, upstream, url)
    finally:
        await asyncio.gather(*(asyncio.to_thread(server.installation.close) for server in servers))
        await upstream.close()
    for server in servers:
        log = server.installation.log.read_text()
        assert CANARY not in log
        assert "request.failed" not in log, log[-3000:]
