"""Syncing the catalogue: twice changes nothing, and what the operator made or set stays."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update

from pronghorn.ledger.catalogue import is_current
from pronghorn.ledger.catalogue.sync import build, sync
from pronghorn.store import Database, revision
from pronghorn.store.migrate import migrate
from pronghorn.store.models import Meta, Model, Price

TODAY = date(2026, 11, 24)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    await migrate(database)
    yield database
    await database.close()


async def run(database: Database, today: date = TODAY, now_ms: int = 1_000) -> int:
    async with database.write() as tx:
        return await sync(tx, today=today, now_ms=now_ms)


async def model(database: Database, name: str) -> Any:
    async with database.read() as tx:
        return (await tx.execute(select(Model.__table__).where(Model.name == name))).one()


async def price(database: Database, name: str, source: str = "list") -> Any:
    async with database.read() as tx:
        found = select(Price.__table__).where(Price.model == name, Price.source == source)
        return (await tx.execute(found)).one_or_none()


async def revision_of(database: Database) -> int:
    async with database.read() as tx:
        return await revision.current(tx)


async def test_first_sync_stores_every_row_and_the_second_none(database: Database) -> None:
    rows = build(TODAY)
    priced = sum(row.price is not None for row in rows)
    before = await revision_of(database)
    assert await run(database) == len(rows) + priced
    assert await revision_of(database) == before + 1
    async with database.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(Model)) == len(rows)
        assert await tx.scalar(select(func.count()).select_from(Price)) == priced
    assert await run(database, now_ms=2_000) == 0
    assert await revision_of(database) == before + 1
    assert (await model(database, "gpt-4o")).created_ms == 1_000
    assert (await price(database, "gpt-4o")).components["output_usd_per_million"] == "10"
    assert await price(database, "gpt-4o-image") is None


async def test_is_current_until_the_make_or_a_price_changes(database: Database) -> None:
    async def current(today: date) -> bool:
        async with database.read() as tx:
            return await is_current(tx, today)

    assert not await current(TODAY)
    await run(database, date(2026, 12, 1))
    assert await current(date(2026, 12, 31))
    assert not await current(date(2027, 1, 1))  # prices change on this day
    await run(database, date(2026, 10, 1))
    assert await current(date(2026, 10, 18))
    assert not await current(date(2026, 10, 19))  # in the middle of a month, too
    async with database.write() as tx:
        await tx.execute(update(Meta).where(Meta.name == "catalogue").values(value="genai-prices 0.0.1"))
    assert not await current(date(2026, 10, 18))


async def test_a_price_change_touches_only_what_changed(database: Database) -> None:
    await run(database, date(2026, 11, 30))
    assert 0 < await run(database, date(2026, 12, 1), now_ms=2_000) < 10
    changed = await price(database, "gemini-4-argon")
    assert (changed.components["input_usd_per_million"], changed.updated_ms) == ("4", 2_000)
    assert (await price(database, "gpt-4o")).updated_ms == 1_000


async def test_what_the_operator_made_or_set_stays(database: Database) -> None:
    await run(database)
    mine: dict[str, Any] = {"input_usd_per_million": "9"}
    async with database.write() as tx:
        await tx.execute(
            update(Model)
            .where(Model.name == "gpt-4o")
            .values(is_own=True, display_name="Ours", vendor="ours")
        )
        await tx.execute(
            insert(Model).values(
                name="house-model", vendor="ours", capabilities=["chat"], is_own=True, created_ms=5
            )
        )
        for name in ("gpt-4o", "house-model"):
            await tx.execute(
                insert(Price).values(model=name, source="operator", components=mine, updated_ms=5)
            )
        await tx.execute(update(Price).where(Price.source == "list").values(components={}))
    assert await run(database, now_ms=2_000) > 0
    ours = await model(database, "gpt-4o")
    assert (ours.display_name, ours.vendor, ours.is_retired) == ("Ours", "ours", False)
    assert not (await model(database, "house-model")).is_retired
    assert (await price(database, "gpt-4o", "operator")).components == mine
    assert (await price(database, "house-model", "operator")).components == mine
    assert await price(database, "house-model") is None
    assert (await price(database, "gpt-4o")).components["input_usd_per_million"] == "2.5"


async def test_a_model_that_is_gone_is_retired_with_its_price_and_comes_back(database: Database) -> None:
    await run(database)
    async with database.write() as tx:
        gone = {"name": "gone-1", "vendor": "openai", "capabilities": ["chat"], "created_ms": 5}
        await tx.execute(insert(Model).values(**gone))
        old: dict[str, Any] = {"input_usd_per_million": "1"}
        for name in ("gone-1", "gpt-4o-image"):
            await tx.execute(insert(Price).values(model=name, source="list", components=old, updated_ms=5))
        await tx.execute(update(Model).where(Model.name == "gpt-4o").values(is_retired=True))
        await tx.execute(delete(Model).where(Model.name == "tts-1"))
    assert await run(database) == 4
    assert (await model(database, "gone-1")).is_retired
    assert await price(database, "gone-1") is not None
    assert await price(database, "gpt-4o-image") is None  # listed, but its price is not known any more
    assert not (await model(database, "gpt-4o")).is_retired
    assert (await model(database, "tts-1")).vendor == "openai"
    assert await run(database) == 0
