"""The database is down, slow, locked, read-only or full of others: what is leased is spent, and nothing is lost."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import psutil
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url
from tests.faults import fleet
from tests.faults.fleet import Fleet, Postgres, Server
from tests.faults.raw import RawAnswer
from tests.faults.slow_socket import SlowSocket, slow_socket
from tests.faults.upstream import completion, whole
from tests.trust.stand import in_turn

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

CALLS = [300, pytest.param(20_000, marks=[pytest.mark.nightly, pytest.mark.timeout(1_200)])]
AT_ONCE = 20
PER_CALL = {"per_call_usd": "0.0001"}
ANSWERED_S = 15.0
"""So long may somebody wait who needs the database, until told that it does not answer."""
GROWTH = 50 * 2**20
SLOW_S = 5.0


@pytest.fixture(scope="module")
def postgres() -> Any:
    with fleet.postgres() as found:
        yield found


class Stand(NamedTuple):
    fleet: Fleet
    postgres: Postgres
    way: SlowSocket
    database: str

    @property
    def server(self) -> Server:
        return self.fleet.first

    async def connect(self) -> asyncpg.Connection:
        """As an operator who looks after the database."""
        return await asyncpg.connect(host=str(self.postgres.folder), user="postgres", database=self.database)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("outages")
    async with postgres.databases.migrated() as database, slow_socket(postgres.folder) as way:
        url = database.url.replace(str(postgres.folder), str(way.folder))
        async with fleet.running(folder, 1, url) as found:
            found.database_url = database.url  # the audit goes there directly
            await found.prepare(PER_CALL)
            found.upstream.plays(*whole(completion()))
            yield Stand(found, postgres, way, str(make_url(database.url).database))


# What befalls the database


@contextlib.asynccontextmanager
async def down(stand: Stand) -> AsyncIterator[None]:
    await asyncio.to_thread(stand.postgres.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(stand.postgres.start)


@contextlib.asynccontextmanager
async def slow(stand: Stand) -> AsyncIterator[None]:
    stand.way.delay_s = SLOW_S
    try:
        yield
    finally:
        stand.way.delay_s = 0.0


@contextlib.asynccontextmanager
async def read_only(stand: Stand) -> AsyncIterator[None]:
    operator = await stand.connect()
    await _set_read_only(operator, "on")
    try:
        yield
    finally:
        await _set_read_only(operator, "off")
        await operator.close()


async def _set_read_only(operator: asyncpg.Connection, value: str) -> None:
    """Each session hears of it a moment later."""
    await operator.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    await operator.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(ANSWERED_S):
        while await operator.fetchval("SHOW default_transaction_read_only") != value:
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def locked(stand: Stand) -> AsyncIterator[None]:
    """Somebody changes the tables, and does not come to an end."""
    operator = await stand.connect()
    try:
        async with operator.transaction():
            await operator.execute("LOCK TABLE wallets, requests, tokens, meta IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await operator.close()


@contextlib.asynccontextmanager
async def full(stand: Stand) -> AsyncIterator[None]:
    """Others have all connections."""
    operator = await stand.connect()
    others: list[asyncpg.Connection] = []
    ours = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> ALL($1) AND usename <> ''"
    )
    try:
        async with asyncio.timeout(ANSWERED_S):
            while True:
                with contextlib.suppress(asyncpg.TooManyConnectionsError):
                    while True:
                        others.append(await stand.connect())
                mine = [other.get_server_pid() for other in (operator, *others)]
                if not await operator.fetchval(ours, mine):
                    break
        yield
    finally:
        await asyncio.gather(*(other.close() for other in others))
        await operator.close()


class Fault(NamedTuple):
    befall: Callable[[Stand], contextlib.AbstractAsyncContextManager[None]]
    can_read: bool = False
    ready_word: str = "ok"


FAULTS = {
    "down": Fault(down, ready_word="failed"),
    "read-only": Fault(read_only, can_read=True),
    "locked": Fault(locked),
    "out of connections": Fault(full, ready_word="failed"),
}
DOORS = ("/v1/chat/completions", "/v1/messages", f"/v1beta/models/{fleet.MODEL}:generateContent")
SAID = "the database does not answer; what may be spent without it is used up, nothing was sent or charged"


@pytest.mark.parametrize("count", CALLS)
@pytest.mark.parametrize("what", FAULTS)
async def test_what_is_leased_is_spent_and_the_rest_is_told_to_come_back(
    stand: Stand, what: str, count: int
) -> None:
    """T50."""
    fault, server = FAULTS[what], stand.server
    leased, known = await stand.fleet.account("100")
    unleased, poor = await stand.fleet.account("100")
    assert (await server.ask(known)).status == 200
    process = psutil.Process(server.installation.pid)
    memory = process.memory_info().rss
    async with fault.befall(stand):
        answers = await many(server, known, count)
        assert Counter(answer.status for answer in answers) == {200: count}
        await assert_refused(server, poor)
        await assert_unmanageable(server, can_read=fault.can_read)
        status, ready = await server.ready()
        assert (status, ready["ready"]) == (200, True)
        assert ready["database"].startswith(fault.ready_word)
    await assert_recovers(stand, known, poor)
    assert process.memory_info().rss - memory < GROWTH
    await stand.fleet.rows(leased, count + 2)
    refused = [row for row in await stand.fleet.rows(unleased, len(DOORS) + 1) if row["status"] == 503]
    assert {(row["end_reason"], Decimal(row["cost_usd"])) for row in refused} == {("overload", Decimal(0))}
    assert len(refused) == len(DOORS)
    await assert_paid(stand, leased, count + 2)
    await assert_paid(stand, unleased, 1)
    await stand.fleet.assert_books()


@pytest.mark.parametrize("count", CALLS)
async def test_a_slow_database_slows_only_those_who_need_it(stand: Stand, count: int) -> None:
    """T50: each of its answers takes 5 s. Who has no lease waits for it, and is served in the end."""
    leased, known = await stand.fleet.account("100")
    unleased, poor = await stand.fleet.account("100")
    assert (await stand.server.ask(known)).status == 200
    async with slow(stand):
        waiting = asyncio.ensure_future(stand.server.ask(poor))
        begun = time.monotonic()
        answers = await many(stand.server, known, count)
        assert Counter(answer.status for answer in answers) == {200: count}
        assert time.monotonic() - begun < max(SLOW_S, count / 20)
        assert not waiting.done()
    assert (await waiting).status == 200
    await stand.fleet.rows(leased, count + 1)
    await assert_paid(stand, leased, count + 1)
    await assert_paid(stand, unleased, 1)
    await stand.fleet.assert_books()


async def test_when_the_lease_runs_out_the_caller_is_told_the_database_is_away_and_not_the_money(
    stand: Stand,
) -> None:
    """A lease of a quarter of 0.0080 USD is worth twenty calls; neither 402 nor 500 is the truth about the next."""
    account, key = await stand.fleet.account("0.0080")
    assert (await stand.server.ask(key)).status == 200
    async with down(stand):
        answers = [await stand.server.ask(key) for _ in range(25)]
    assert [answer.status for answer in answers] == [200] * 19 + [503] * 6
    assert {answer.error["code"] for answer in answers[19:]} == {"unavailable"}
    await assert_recovers(stand, key)
    await stand.fleet.rows(account, 1 + 25 + 1)
    await assert_paid(stand, account, 1 + 19 + 1)
    await stand.fleet.assert_books()


async def many(server: Server, key: str, count: int) -> list[RawAnswer]:
    return await in_turn(count, AT_ONCE, lambda _: server.ask(key))


async def assert_refused(server: Server, key: str) -> None:
    """In the words of each dialect, soon, and with when to come back."""
    begun = time.monotonic()
    for path, kind in zip(DOORS, ("unavailable", "api_error", "UNAVAILABLE"), strict=True):
        answer = await server.ask(key, path=path)
        assert answer.status in (503, 529), answer.body
        error = answer.error
        assert kind in (error.get("code"), error.get("type"), error.get("status")), error
        assert SAID in error["message"]
        assert int(answer.header("retry-after")) > 0
    assert time.monotonic() - begun < ANSWERED_S * len(DOORS)


async def assert_unmanageable(server: Server, *, can_read: bool) -> None:
    for method, body in (("GET", None), ("POST", {"name": "b"})):
        begun = time.monotonic()
        status, answer = await server.try_to_manage(method, "/accounts", body)
        assert time.monotonic() - begun < ANSWERED_S
        if method == "GET" and can_read:
            assert status == 200
        else:
            assert (status, answer["error"]["code"]) == (503, "unavailable")
            assert "the database does not answer; try again shortly" in answer["error"]["message"]


async def assert_recovers(stand: Stand, *served: str) -> None:
    """By itself: nobody starts anything again."""
    async with asyncio.timeout(fleet.SETTLED_S):
        while (await stand.server.try_to_manage("GET", "/accounts"))[0] != 200:
            await asyncio.sleep(0.05)
        while (await stand.server.ready())[1]["database"] != "ok":
            await asyncio.sleep(0.05)
    for key in served:
        assert (await stand.server.ask(key)).status == 200


async def assert_paid(stand: Stand, account: str, calls: int) -> None:
    found = await stand.fleet.standing(account)
    spent = Decimal(found["spent_usd"])
    assert spent == calls * Decimal(PER_CALL["per_call_usd"])
