"""The loader: a snapshot out of the database; one broken row spoils nothing, and use is remembered across reloads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import repository
from pronghorn.ledger.credit import Credit
from pronghorn.routing import Loader, load
from pronghorn.store import Database, Tx, revision
from pronghorn.store.models import Account, Budget, Channel, Group, Key, Model, Price
from pronghorn.wire.usage import Usage

SECRETS = Secrets(["the-secret-of-this-test"])
SEALED = SECRETS.seal('["sk-upstream-1"]')


async def add(database: Database, table: Any, **values: Any) -> None:
    async with database.write() as tx:
        await tx.execute(insert(table).values(**values))
        await revision.bump(tx)


async def change(database: Database, table: Any, id: str, **values: Any) -> None:
    async with database.write() as tx:
        await tx.execute(update(table).where(table.id == id).values(**values))
        await revision.bump(tx)


async def add_channel(database: Database, id: str, **fields: Any) -> None:
    known = {
        "name": id,
        "vendor": "openai",
        "base_url": "https://v.example/v1",
        "credentials": SEALED,
        "models": {"m": "up"},
        "groups": ["default"],
        "created_ms": 1,
    }
    await add(database, Channel, **(known | {"id": id} | fields))


async def add_key(database: Database, id: str, **fields: Any) -> None:
    known = {"account_id": "acc_1", "name": id, "mode": "live", "hint": "h", "created_ms": 1}
    await add(database, Key, **(known | {"id": id, "hash": id.encode().ljust(32)} | fields))


@pytest.fixture
async def loader(database: Database) -> Loader:
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        await repository.open_wallet(tx, "acc_1", "live")
    clock = FakeClock()
    credit = Credit(database, "server-1", 1, clock)
    return Loader(database, credit, SECRETS, clock, "http://127.0.0.1:9/v1")


def grant_of(loader: Loader, id: str) -> Any:
    return loader.snapshot.grants.get(id.encode().ljust(32))


async def test_the_same_revision_is_the_same_snapshot(loader: Loader, database: Database) -> None:
    await loader.refresh()
    first = loader.snapshot
    await loader.refresh()
    assert loader.snapshot is first
    await add_channel(database, "chn_1")
    await loader.refresh()
    assert loader.snapshot is not first
    assert [channel.id for channel in loader.snapshot.channels] == ["chn_1"]
    assert first.channels == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"vendor": "nobody"},
        {"base_url": "ftp://v.example"},
        {"base_url": "https://"},
        {"credentials": "not sealed by us"},
        {"credentials": SECRETS.seal("not json")},
        {"credentials": SECRETS.seal('{"a":1}')},
        {"credentials": SECRETS.seal('["nön-lätin-\u20ac"]')},
        {"proxy": "not sealed"},
        {"proxy": SECRETS.seal("socks5://x")},
    ],
)
async def test_a_broken_channel_is_left_out_and_the_others_serve(
    loader: Loader, database: Database, broken: dict[str, Any]
) -> None:
    await add_channel(database, "good")
    await add_channel(database, "broken", **broken)
    await loader.refresh()
    assert [channel.id for channel in loader.snapshot.channels] == ["good"]


async def test_meters_survive_a_reload_and_rates_change(loader: Loader, database: Database) -> None:
    await add_key(database, "key_1", rpm=2, budget=1_000, spent=300)
    await loader.refresh()
    first = grant_of(loader, "key_1")
    first.enter(loader._clock.monotonic(), 0)
    await change(database, Key, "key_1", rpm=3, name="renamed", models=["a*"])
    await loader.refresh()
    second = grant_of(loader, "key_1")
    assert second is not first
    assert second.meter is first.meter
    assert second.purse is first.purse
    assert (second.name, second.budgets[0].amount, second.meter.open_requests) == ("renamed", 1_000, 1)
    assert second.budgets[0].purse(1.0) is first.budgets[0].purse(1.0)
    assert second.meter.gate.requests.level(loader._clock.monotonic()) == 2
    assert second.allows_model("abc")


async def test_a_disabled_key_account_or_channel_is_gone(loader: Loader, database: Database) -> None:
    await add_key(database, "key_1")
    await add_key(database, "key_2")
    await add_channel(database, "chn_1")
    await loader.refresh()
    assert grant_of(loader, "key_1")
    await change(database, Key, "key_1", is_disabled=True)
    await change(database, Channel, "chn_1", is_disabled=True)
    await loader.refresh()
    assert grant_of(loader, "key_1") is None
    assert grant_of(loader, "key_2")
    assert loader.snapshot.channels == ()
    await change(database, Account, "acc_1", is_disabled=True)
    await loader.refresh()
    assert loader.snapshot.grants == {}


async def test_a_keys_group_wins_over_its_accounts_and_brings_its_factor(
    loader: Loader, database: Database
) -> None:
    await add(database, Group, name="vip", factor_ppm=850_000, created_ms=1)
    await add_key(database, "key_1", group_name="vip", expires_ms=5_500)
    await add_key(database, "key_2")
    await loader.refresh()
    assert (grant_of(loader, "key_1").group, grant_of(loader, "key_1").factor_ppm) == ("vip", 850_000)
    assert grant_of(loader, "key_1").expires_s == 5.5
    assert (grant_of(loader, "key_2").group, grant_of(loader, "key_2").factor_ppm) == ("default", 1_000_000)


async def test_the_operators_price_wins_and_equal_prices_are_one(loader: Loader, database: Database) -> None:
    for name in ("m1", "m2", "m3"):
        fields = {"vendor": "openai", "capabilities": ["chat"], "created_ms": 2_000}
        await add(database, Model, name=name, **fields)
    listed, mine = {"input_usd_per_million": "1"}, {"input_usd_per_million": "9"}
    for name, source, components in (
        ("m1", "operator", mine),
        ("m1", "list", listed),
        ("m2", "list", listed),
        ("m2", "operator", mine),
    ):
        await add(database, Price, model=name, source=source, components=components, updated_ms=1)
    await loader.refresh()
    models = loader.snapshot.models
    assert models["m1"].price is not None
    assert models["m1"].price is models["m2"].price
    assert models["m1"].price.charge(Usage(input=1), 1_000_000).nano == 9_000
    assert models["m3"].price is None
    assert models["m1"].created_s == 2


async def test_a_configuration_that_cannot_be_read_changes_nothing(
    loader: Loader, database: Database
) -> None:
    await add_channel(database, "chn_1")
    await loader.refresh()
    before = loader.snapshot
    bad = {"input_usd_per_million": "-1"}
    await add(database, Model, name="m", vendor="openai", capabilities=[], created_ms=1)
    await add(database, Price, model="m", source="operator", components=bad, updated_ms=1)
    with pytest.raises(msgspec.ValidationError):
        await loader.refresh()
    assert loader.snapshot is before


async def test_without_a_sandbox_there_is_none(database: Database) -> None:
    clock = FakeClock()
    bare = Loader(database, Credit(database, "s", 1, clock), SECRETS, clock, "")
    await bare.refresh()
    assert not bare.snapshot.sandbox


async def test_a_budget_in_a_zone_that_this_machine_does_not_know_is_held_by_utc(
    loader: Loader, database: Database
) -> None:
    await add_key(database, "key_1")
    given = {"id": "bud_1", "scope": "key", "subject": "key_1", "mode": "live", "period": "day"}
    await add(database, Budget, **given, time_zone="Europe/Atlantis", amount=5, created_ms=1)
    await loader.refresh()
    (budget,) = grant_of(loader, "key_1").budgets
    assert budget.window(86_400.0 * 3 + 1).start_ms == 86_400_000 * 3


class Outage:
    """A database that does not answer as long as `is_down`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_down = True

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        if self.is_down:
            raise OSError("down")
        async with self._database.read() as tx:
            yield tx


async def test_while_the_database_does_not_answer_the_snapshot_is_stale(
    loader: Loader, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_key(database, "key_1")
    await loader.refresh()
    outage = Outage(database)
    monkeypatch.setattr(loader, "_database", outage)
    monkeypatch.setattr(load, "POLL_S", 0.001)
    refreshing = asyncio.create_task(loader.refresh_forever())
    async with asyncio.timeout(5):
        while not loader.snapshot.is_stale:
            await asyncio.sleep(0.001)
        assert grant_of(loader, "key_1")
        outage.is_down = False
        while loader.snapshot.is_stale:
            await asyncio.sleep(0.001)
    refreshing.cancel()
    await asyncio.gather(refreshing, return_exceptions=True)
