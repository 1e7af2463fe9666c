"""A gateway in a process of its own, with a vendor of ours behind it: for what is measured from outside."""

import asyncio
import contextlib
import json
import sys
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from tests.faults import raw
from tests.faults.raw import CANARY, RawAnswer, RawConnection, request
from tests.faults.upstream import ScriptedUpstream
from tests.process import Installation

MODEL = "live"
USD = 1000
ENDED_S = 30.0


class Live:
    """One account with money and a key, one model, one channel to `upstream`."""

    def __init__(self, installation: Installation, upstream: ScriptedUpstream) -> None:
        self.installation = installation
        self.upstream = upstream
        self.account = self.key = self.channel = ""

    def prepare(self) -> None:
        channel = {"name": "v", "vendor": "openai", "base_url": self.upstream.url, "models": [MODEL]}
        self.channel = self.manage("POST", "/channels", channel | {"credentials": [CANARY]})["id"]
        price = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
        self.manage("PUT", f"/prices/{MODEL}", price)
        self.account = self.manage("POST", "/accounts", {"name": "a"})["id"]
        self.manage("POST", f"/accounts/{self.account}/adjust", {"amount_usd": str(USD), "note": "n"})
        self.key = self.new_key()["key"]

    def new_key(self) -> Any:
        return self.manage("POST", "/keys", {"account_id": self.account, "name": "k", "mode": "live"})

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        return self.installation.manage(method, path, body)

    @property
    def port(self) -> int:
        port = urllib.parse.urlsplit(self.installation.base_url).port
        assert port is not None
        return port

    @property
    def process(self) -> psutil.Process:
        """The server alone, without its worker."""
        return psutil.Process(self.installation.pid)

    def request(self, words: str = "Hi", *, key: str = "", **more: Any) -> bytes:
        body = {"model": MODEL, "messages": [{"role": "user", "content": words}], "max_tokens": 50} | more
        headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        return request("POST", "/v1/chat/completions", headers, json.dumps(body).encode())

    async def ask(self, words: str = "Hi", **more: Any) -> RawAnswer:
        return await raw.call(self.port, self.request(words, **more))

    async def timed(self, count: int) -> list[float]:
        """How long callers wait who ask one after the other, each on a connection of its own."""
        took_s = []
        for _ in range(count):
            begun = time.monotonic()
            assert (await self.ask()).status == 200
            took_s.append(time.monotonic() - begun)
        return took_s

    async def ready(self) -> int:
        return (await raw.call(self.port, request("GET", "/readyz"))).status

    async def check_books(self) -> list[dict[str, Any]]:
        """Once all requests have ended: nothing held, and what was spent is what the log says."""
        deadline = time.monotonic() + ENDED_S
        while True:
            found = await asyncio.to_thread(self.manage, "GET", f"/accounts/{self.account}")
            if Decimal(found["held_usd"]) == 0:
                break
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)
        balance, spent = Decimal(found["balance_usd"]), Decimal(found["spent_usd"])
        assert balance >= 0
        assert balance + spent == USD
        return await self._rows(spent)

    async def _rows(self, spent: Decimal) -> list[dict[str, Any]]:
        """The worker brings them into the database within a second or two."""
        deadline = time.monotonic() + ENDED_S
        while True:
            rows = await asyncio.to_thread(self.rows)
            if sum(Decimal(row["cost_usd"]) for row in rows) == spent:
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert len({row["id"] for row in rows}) == len(rows)
        assert all(row["end_reason"] not in ("", "bug") for row in rows)
        return rows

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        path = f"/requests?limit=1000&account_id={self.account}"
        after = ""
        while True:
            page = self.manage("GET", path + after)
            found += page["items"]
            if not page.get("next"):
                return found
            after = f"&cursor={urllib.parse.quote(page['next'])}"


@contextlib.contextmanager
def python_with(folder: Path, files: int | None) -> Iterator[None]:
    """Processes that are started here may open so many files and never more."""
    if files is None:
        yield
        return
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nulimit -n {files}\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o700)
    with mock.patch.object(sys, "executable", str(script)):
        yield


@contextlib.asynccontextmanager
async def live(folder: Path, *, files: int | None = None, **settings: object) -> AsyncIterator[Live]:
    """Started, and at the end stopped; no log line and no answer has the vendor's credential."""
    config = folder / "pronghorn.toml"
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    installation = Installation(folder, "--no-sandbox", "--config", str(config))
    upstream = await ScriptedUpstream().start()
    found = Live(installation, upstream)
    try:
        with python_with(folder, files):
            await asyncio.to_thread(installation.start)
        await asyncio.to_thread(found.prepare)
        yield found
    finally:
        await asyncio.to_thread(installation.close)
        await upstream.close()
    log = installation.log.read_text()
    assert CANARY not in log
    assert "Traceback" not in log, log[-3000:]


@contextlib.asynccontextmanager
async def opened(found: Live, count: int, words: str, **more: Any) -> AsyncIterator[list[RawConnection]]:
    """So many calls under way, one connection each."""
    async with contextlib.AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(raw.connect(found.port)) for _ in range(count)]
        for call in calls:
            await call.send(found.request(words, **more))
        yield calls


async def settled_memory(process: psutil.Process) -> int:
    """Once it has stopped to grow."""
    last, since = 0, time.monotonic()
    while time.monotonic() - since < 0.5:
        rss = process.memory_info().rss
        if abs(rss - last) > 2**19:
            last, since = rss, time.monotonic()
        await asyncio.sleep(0.05)
    return last
