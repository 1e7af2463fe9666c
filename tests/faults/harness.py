"""The whole gateway inside the test's event loop. One can serve many tests: each brings its own account and models."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, insert, select
from structlog.testing import LogCapture
from tests.faults import raw
from tests.faults.raw import CANARY, RawAnswer, RawConnection, request
from tests.faults.upstream import ScriptedUpstream, Step
from tests.serving import listen, serving

from pronghorn import app
from pronghorn.accounts import keys
from pronghorn.kit.clock import Clock, SystemClock
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import posting, repository
from pronghorn.manage.services.models import CAPABILITIES
from pronghorn.routing import Grant
from pronghorn.settings import Settings
from pronghorn.store import Database, revision
from pronghorn.store import models as tables
from pronghorn.store.migrate import migrate

PRICE = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
SETTLED_S = 10.0
"""How soon after its end a request has given its hold back."""


class Gateway:
    """Running, with `upstream` as its first vendor. `case` makes what a test needs."""

    def __init__(self, inner: app.Gateway, upstream: ScriptedUpstream, port: int) -> None:
        self.inner = inner
        self.upstream = upstream
        self.port = port
        self._numbers = itertools.count(1)

    async def case(
        self,
        *vendors: str,
        vendor: str = "openai",
        usd: float = 10,
        price: Mapping[str, Any] | None = PRICE,
        alias: str | None = None,
        max_output_tokens: int | None = None,
        capabilities: Sequence[str] = CAPABILITIES,
        **key: Any,
    ) -> "Case":
        """An account with money and a key, and a model that the `vendors` (base URLs, best first) serve.

        All of them are taken for `vendor`.
        """
        number = next(self._numbers)
        model, account, new = f"model-{number}", f"acc_{number}", keys.new_key("live")
        hashed = keys.keyed_hash(self.inner.secrets.hash_key, new.secret)
        async with self.inner.database.write() as tx:
            await tx.execute(insert(tables.Account).values(id=account, name=account, created_ms=0))
            await repository.open_wallet(tx, account, "live")
            row: dict[str, Any] = {"id": f"key_{number}", "account_id": account, "name": "k", "mode": "live"}
            row |= {"hint": new.hint, "hash": hashed, "created_ms": 0} | key
            await tx.execute(insert(tables.Key).values(**row))
            for place, url in enumerate(vendors or (self.upstream.url,)):
                await tx.execute(
                    insert(tables.Channel).values(
                        id=f"chn_{number}_{place}",
                        name="c",
                        vendor=vendor,
                        base_url=url,
                        credentials=self.inner.secrets.seal(json.dumps([CANARY])),
                        models={model: alias or model},
                        groups=["default"],
                        priority=-place,
                        created_ms=0,
                    )
                )
            found: dict[str, Any] = {
                "name": model,
                "vendor": "x",
                "capabilities": list(capabilities),
                "created_ms": 0,
            }
            await tx.execute(insert(tables.Model).values(**found, max_output_tokens=max_output_tokens))
            if price is not None:
                row = {"model": model, "source": "operator", "components": dict(price), "updated_ms": 0}
                await tx.execute(insert(tables.Price).values(**row))
            await revision.bump(tx)
        if usd:
            await self.pay(account, round(usd * NANO_PER_USD))
        await self.inner.loader.refresh()
        return Case(self, model, account, new.secret, hashed)

    async def pay(self, account: str, nano: int) -> None:
        await self.inner.credit.adjust(account, "live", nano, note="", now_ms=0)

    async def post(self) -> None:
        """Moves the journal into the database, as the worker does."""
        folder = self.inner.settings.data / "journal"
        await posting.post_all(self.inner.database, folder, self.inner.clock)


@dataclass
class Case:
    """One account, one key, one model."""

    gateway: Gateway
    model: str
    account: str
    key: str
    hashed: bytes
    ids: list[str] = field(default_factory=list)
    """Request ids of the answers that came."""

    def chat_request(self, **more: Any) -> bytes:
        body = {"model": self.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
        members = {name: value for name, value in (body | more).items() if value is not ...}
        return self.post("/v1/chat/completions", json.dumps(members).encode())

    def post(self, path: str, body: bytes, **headers: str) -> bytes:
        found = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        return request("POST", path, found | {n.replace("_", "-"): v for n, v in headers.items()}, body)

    async def chat(self, **more: Any) -> RawAnswer:
        return await self.call(self.chat_request(**more))

    async def chat_in_two(self, first: Sequence[Step], then: Sequence[Step], **more: Any) -> RawAnswer:
        """A stream whose second part the vendor sends once the caller has got content of the first."""
        has_some = asyncio.Event()
        self.gateway.upstream.plays(*first, has_some, *then)
        return await self.call(self.chat_request(stream=True, **more), on_data=lambda _: has_some.set())

    async def call(self, data: bytes, on_data: raw.OnData | None = None) -> RawAnswer:
        answer = await raw.call(self.gateway.port, data, on_data=on_data)
        self.ids.append(answer.header("x-request-id"))
        return answer

    @contextlib.asynccontextmanager
    async def open(self, data: bytes) -> AsyncIterator[RawConnection]:
        """A connection on which `data` was sent."""
        async with raw.connect(self.gateway.port) as connection:
            await connection.send(data)
            yield connection

    @property
    def grant(self) -> Grant:
        return self.gateway.inner.loader.snapshot.grants[self.hashed]

    def heal(self) -> None:
        """Forget what the vendors have done until now, or a few failures in a row close the way to them."""
        for tier in self.gateway.inner.loader.snapshot.tiers(self.model, self.grant.group):
            for channel in tier.channels:
                for health in (channel.vitals.channel, *channel.healths):
                    health.reset()

    async def rows(self) -> list[Any]:
        """The usage log of this account, once all its requests have ended; the newest row last."""
        meter = self.grant.meter
        deadline = time.monotonic() + SETTLED_S
        while meter.open_requests or self.grant.purse.held:
            assert time.monotonic() < deadline, "a request has not ended or its hold was not released"
            await asyncio.sleep(0.002)
        await self.gateway.post()
        columns = tables.Request.__table__.columns
        mine = tables.Request.account_id == self.account
        async with self.gateway.inner.database.read() as tx:
            found = await tx.execute(select(*columns).where(mine).order_by(columns.created_ms, columns.id))
            return list(found)

    async def row(self) -> Any:
        (row,) = await self.rows()
        return row

    async def assert_invariants(self) -> None:
        """Recount: I1 nothing negative, I2 the sums agree, I3 no hold, I4 cost within the hold, I5 and I6 one row."""
        rows = await self.rows()
        inner, book = self.gateway.inner, f"account:{self.account}"
        standing = (await inner.credit.standing([self.account], "live"))[self.account]
        assert min(standing) >= 0
        assert standing.held == 0
        assert self.grant.purse.held == 0
        assert standing.spent == sum(row.cost for row in rows)
        kinds = select(tables.Entry.kind, func.sum(tables.Entry.amount))
        mine = (tables.Entry.debit == book) | (tables.Entry.credit == book)
        async with inner.database.read() as tx:
            sums = {
                kind: int(amount) for kind, amount in await tx.execute(kinds.where(mine).group_by("kind"))
            }
        assert standing.balance + standing.spent == sums.get("deposit", 0) - sums.get("withdrawal", 0)
        assert sums.get("charge", 0) == standing.spent
        for budget in self.grant.budgets:
            window = await inner.credit.standing_of(budget.window(inner.clock.now()))
            assert (window.held, window.balance + window.spent) == (0, budget.amount)
            # A budget that came later does not know of what was not posted yet.
            assert window.spent <= sum(row.cost for row in rows)
        found = [row.id for row in rows]
        assert len(found) == len(set(found))
        assert set(self.ids) - {""} <= set(found), "an answer without its row"
        for row in rows:
            assert row.end_reason and row.end_reason != "bug", row
            assert 0 <= row.cost <= row.hold, row
            assert sum(-(-units * pico // 1000) for _, units, pico in _lines(row)) >= row.cost


def _lines(row: Any) -> list[tuple[str, int, int]]:
    return [(line["component"], line["units"], line["pico_usd"]) for line in row.explain if "units" in line]


@contextlib.asynccontextmanager
async def running(folder: Path, clock: Clock | None = None, /, **settings: Any) -> AsyncIterator[Gateway]:
    """Checks at the end that the vendor's credential is in no log line and no file."""
    folder.mkdir(parents=True, exist_ok=True)
    upstream = await ScriptedUpstream().start()
    configured = Settings(
        data=folder, **({"retries": 0} | settings)
    )  # what a vendor is to play, it plays once
    database = Database(configured.resolved_database_url)
    await migrate(database)
    logs = LogCapture()
    structlog.configure(processors=[logs], cache_logger_on_first_use=False)
    inner = await app.open_gateway(
        configured, clock or SystemClock(), sandbox_url=upstream.url, database=database
    )
    listener, _ = listen()
    try:
        async with serving(inner, listener, drain_s=2):
            try:
                yield Gateway(inner, upstream, listener.getsockname()[1])
            finally:
                await upstream.close()
    finally:
        await inner.close()
        structlog.reset_defaults()
    text = repr(logs.entries)
    assert CANARY not in text
    assert [entry for entry in logs.entries if entry["event"] == "request.failed"] == []
    for path in folder.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path
