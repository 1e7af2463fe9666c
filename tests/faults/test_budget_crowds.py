"""A thousand calls at once on ten cents: not a nano-dollar too much, on one server and on four, one of them killed."""

import asyncio
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from sqlalchemy import func, select
from tests.faults.harness import Case, running
from tests.faults.upstream import Seen, Step, completion, whole
from tests.process import Installation
from tests.store import postgresql

from pronghorn.kit.money import NANO_PER_USD, format_usd, parse_usd
from pronghorn.store import Database
from pronghorn.store.models import BudgetLease, BudgetWindow, Request, Wallet

LIMIT = NANO_PER_USD // 10
CALLS = 1_000
MOST_TOKENS = 1_000
PRICE = {"input_usd_per_million": "0.01", "output_usd_per_million": "5"}
"""So that a call may cost half a cent, and about a thousandth of a dollar is what it does cost."""


def answering(dice: random.Random) -> Any:
    """Uses a fifth of what is asked for, more or less, and never more than that."""

    def choose(seen: Seen) -> tuple[Step, ...]:
        limit = seen.json()["max_tokens"]
        usage = {"prompt_tokens": 10, "completion_tokens": min(dice.randrange(100, 300), limit)}
        return whole(completion(usage=usage))

    return choose


async def at_once(case: Case, count: int) -> Counter[int]:
    answers = await asyncio.gather(*(case.chat(max_tokens=MOST_TOKENS) for _ in range(count)))
    refused = [answer for answer in answers if answer.status == 402]
    assert {answer.error["scope"] for answer in refused} <= {"key"}
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("answer_s", [0.0, 1.0])
async def test_ten_cents_are_never_exceeded(tmp_path: Path, answer_s: float) -> None:
    seed = random.randrange(2**32)
    async with running(tmp_path) as gateway:
        case = await gateway.case(price=PRICE, budget=LIMIT)
        choose = answering(random.Random(seed))

        async def wait(_writer: asyncio.StreamWriter, _seen: Seen) -> None:
            await asyncio.sleep(answer_s)

        gateway.upstream.choose = lambda seen: (wait, *choose(seen)) if answer_s else choose(seen)
        begun = time.monotonic()
        statuses = await at_once(case, CALLS)
        took_s = time.monotonic() - begun
        await case.assert_invariants()
        rows = await case.rows()
        spent = sum(row.cost for row in rows)
        (own,) = case.grant.budgets
        standing = await gateway.inner.credit.standing_of(own.window(0.0))
    print(
        f"seed {seed}: {CALLS} calls, answers after {answer_s} s: {dict(statuses)} in {took_s:.1f} s, "
        f"{format_usd(spent)} of {format_usd(LIMIT)} USD spent"
    )
    assert statuses.keys() <= {200, 402}
    assert sum(row.shortfall for row in rows) == 0
    assert standing.spent == spent <= LIMIT
    if not answer_s:
        assert spent >= LIMIT * 99 // 100


# Four servers on one PostgreSQL

SERVERS = 4


class Vendor:
    """As `answering`, after a short while."""

    def __init__(self, seed: int) -> None:
        self.seen = 0
        self._dice = random.Random(seed)
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                limit = json.loads(await reader.readexactly(length))["max_tokens"]
                self.seen += 1
                await asyncio.sleep(self._dice.random() * 0.3)
                used = min(self._dice.randrange(100, 300), limit)
                (answer,) = whole(completion(usage={"prompt_tokens": 10, "completion_tokens": used}))
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Fleet(NamedTuple):
    """Servers with data folders of their own, one database and one secret."""

    servers: list[Installation]
    database_url: str

    async def know(self, key: str) -> None:
        """Each has seen that there is the key."""
        async with asyncio.timeout(10):
            for server in self.servers:
                while (await asyncio.to_thread(server.call, "GET", "/v1/models", None, key))[0] != 200:
                    await asyncio.sleep(0.1)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with postgresql.running() as socket_folder:
        url = f"postgresql://postgres@/postgres?host={socket_folder}"
        servers = [
            Installation(tmp_path / str(number), "--no-sandbox", "--database-url", url)
            for number in range(SERVERS)
        ]
        try:
            for server in servers:
                (server.folder / "data").mkdir(parents=True)
                if server is not servers[0]:
                    shutil.copy(servers[0].folder / "data" / "secret", server.folder / "data" / "secret")
                server.start()
            yield Fleet(servers, url.replace("postgresql", "postgresql+asyncpg"))
        finally:
            for server in servers:
                server.close()


def prepare(server: Installation, vendor_url: str) -> tuple[str, str, str]:
    """A channel, a price, an account with money, a key, a budget; the ids of the last three, the key itself."""
    manage = server.manage
    channel = {"name": "v", "vendor": "openai", "base_url": vendor_url, "credentials": ["sk-x"]}
    manage("POST", "/channels", channel | {"models": ["crowd"]})
    manage("PUT", "/prices/crowd", PRICE)
    account = manage("POST", "/accounts", {"name": "crowd"})["id"]
    manage("POST", f"/accounts/{account}/adjust", {"amount_usd": "100", "note": "test"})
    key = manage("POST", "/keys", {"account_id": account, "name": "k", "mode": "live"})["key"]
    budget = {"scope": "account", "subject": account, "amount_usd": "0.10", "period": "total"}
    return account, key, manage("POST", "/budgets", budget)["id"]


async def call(session: aiohttp.ClientSession, key: str, whole_ids: set[str]) -> int:
    """The status; 0 if the server was gone."""
    body = {"model": "crowd", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": MOST_TOKENS}
    try:
        async with session.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        ) as answer:
            document = await answer.json()
            if answer.status == 200:
                whole_ids.add(answer.headers["x-request-id"])
            elif answer.status == 402:
                assert document["error"]["scope"] == "account" and document["error"]["period"] == "total"
            return answer.status
    except aiohttp.ClientError:
        return 0


async def crowd(servers: list[Installation], key: str, count: int, whole_ids: set[str]) -> Counter[int]:
    connector = aiohttp.TCPConnector(limit=0)
    async with connector:
        sessions = [
            aiohttp.ClientSession(server.base_url, connector=connector, connector_owner=False)
            for server in servers
        ]
        calls = (call(sessions[number % len(sessions)], key, whole_ids) for number in range(count))
        statuses = Counter(await asyncio.gather(*calls))
        for session in sessions:
            await session.close()
    return statuses


async def posted(database: Database, account: str, budget_id: str) -> tuple[set[str], int, int, int, int]:
    """Ids and costs of the log's rows; of the window what is spent and leased; what the wallet has spent."""
    async with database.read() as tx:
        mine = Request.account_id == account
        rows = (await tx.execute(select(Request.id, Request.cost).where(mine))).all()
        spent = await tx.scalar(select(BudgetWindow.spent).where(BudgetWindow.budget_id == budget_id))
        leased = select(func.sum(BudgetLease.amount)).where(BudgetLease.budget_id == budget_id)
        wallet = select(Wallet.spent).where(Wallet.account_id == account, Wallet.mode == "live")
        return (
            {row.id for row in rows},
            sum(row.cost for row in rows),
            int(spent or 0),
            int(await tx.scalar(leased) or 0),
            int(await tx.scalar(wallet) or 0),
        )


@pytest.mark.timeout(180)
async def test_four_servers_share_ten_cents_and_one_is_killed(fleet: Fleet) -> None:
    seed = random.randrange(2**32)
    first, _, killed, _ = fleet.servers
    vendor, whole_ids = Vendor(seed), set[str]()
    account, key, budget_id = await asyncio.to_thread(prepare, first, await vendor.start())
    await fleet.know(key)
    load = asyncio.create_task(crowd(fleet.servers, key, CALLS, whole_ids))
    while len(whole_ids) < 20:
        assert not load.done()
        await asyncio.sleep(0.005)
    await asyncio.to_thread(killed.kill)
    statuses = await load
    killed_spent = parse_usd(
        (await asyncio.to_thread(first.manage, "GET", f"/budgets/{budget_id}"))["spent_usd"]
    )
    await asyncio.to_thread(killed.start)
    again = await crowd(fleet.servers, key, 200, whole_ids)
    database = Database(fleet.database_url)
    try:
        deadline = time.monotonic() + 20
        while True:
            ids, rows, spent, leased, wallet = await posted(database, account, budget_id)
            if whole_ids <= ids and rows == spent == wallet:
                break
            assert time.monotonic() < deadline, (len(whole_ids - ids), rows, spent, wallet)
            await asyncio.sleep(0.2)
    finally:
        await database.close()
        await vendor.close()
    print(
        f"seed {seed}: {CALLS} calls on {SERVERS} servers, one killed: {dict(statuses)}, then {dict(again)}; "
        f"{format_usd(killed_spent)} before the restart, {format_usd(spent)} of {format_usd(LIMIT)} USD in the end, "
        f"{vendor.seen} calls reached the vendor"
    )
    assert rows == spent == wallet <= LIMIT
    assert spent + leased <= LIMIT
    assert statuses.keys() | again.keys() <= {0, 200, 402}
    assert statuses[0] and statuses[200] and again[402]
