"""The last cent in a fleet: four servers with journals of their own spend one balance to its end, and no more."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from tests.faults import fleet
from tests.faults.fleet import Fleet
from tests.faults.raw import CANARY, RawAnswer
from tests.faults.upstream import completion, whole

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SERVERS = 4
CALLS = 500
PER_CALL = {"per_call_usd": "0.001"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with fleet.postgres() as postgres:
        async with (
            postgres.databases.migrated() as database,
            fleet.running(folder, SERVERS, database.url) as found,
        ):
            await found.prepare(PER_CALL)
            found.upstream.plays(*whole(completion()))
            yield found


async def at_once(servers: Fleet, key: str, count: int) -> list[RawAnswer]:
    """So many calls at the same time; each server gets its share of them."""
    asked = [servers.servers[number % SERVERS].ask(key) for number in range(count)]
    return await asyncio.gather(*asked)


async def test_ten_of_five_hundred_calls_over_four_servers_are_served(servers: Fleet) -> None:
    """T41: the money for ten calls buys ten, though each server leases slices of it."""
    account, key = await servers.account("0.01")
    before = len(servers.upstream.seen)
    answers = await at_once(servers, key, CALLS)
    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) - len(refused) == 10
    assert {(answer.status, answer.error["code"]) for answer in refused} == {(402, "insufficient_quota")}
    assert {answer.header("x-should-retry") for answer in refused} == {"false"}
    assert len(servers.upstream.seen) - before == 10
    rows = await servers.rows(account, CALLS)
    assert {row["end_reason"] for row in rows} == {"ok", "no_credit"}
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.01")
    found = await servers.standing(account)
    assert (Decimal(found["balance_usd"]), Decimal(found["spent_usd"])) == (Decimal(0), Decimal("0.01"))
    await servers.assert_books()


async def test_what_one_server_has_too_little_of_is_spent_by_another(servers: Fleet) -> None:
    """Money for two calls and a half: whichever server is asked next, both are served."""
    for first in range(SERVERS):
        account, key = await servers.account("0.0025")
        order = [servers.servers[(first + step) % SERVERS] for step in range(SERVERS)]
        answers = [await server.ask(key) for server in order]
        assert [answer.status for answer in answers] == [200, 200, 402, 402]
        await servers.rows(account, SERVERS)
        assert Decimal((await servers.standing(account))["balance_usd"]) == Decimal("0.0005")
    await servers.assert_books()


async def test_what_a_hold_leaves_is_soon_free_to_the_other_servers(servers: Fleet) -> None:
    """A hold for the most that a call can cost takes all there is; a moment after it the rest is everybody's."""
    await servers.first.manage("POST", "/channels", _channel(servers))
    await servers.first.manage(
        "PUT", "/prices/by-token", {"input_usd_per_million": "1", "output_usd_per_million": "2"}
    )
    account, key = await servers.account("0.0003")
    answers = [await servers.servers[0].ask(key, model="by-token")]
    async with asyncio.timeout(fleet.SETTLED_S):
        while (answer := await servers.servers[1].ask(key, model="by-token")).status == 402:
            await asyncio.sleep(0.1)
    answers.append(answer)
    assert [found.status for found in answers] == [200, 200]
    await servers.standing(account)
    await servers.assert_books()


def _channel(servers: Fleet) -> dict[str, object]:
    found = {"name": "t", "vendor": "openai", "base_url": servers.upstream.url, "models": ["by-token"]}
    return {**found, "credentials": [CANARY]}
