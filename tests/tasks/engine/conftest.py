"""A house on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.conftest import database, databases, postgresql, sqlite
from tests.tasks.engine.house import House, Studio, known_studios

from pronghorn.store import Database

__all__ = ["database", "databases", "house", "postgresql", "sqlite", "studio"]


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    async with Studio().running() as studio:
        yield studio


@pytest.fixture
async def house(database: Database, tmp_path: Path, studio: Studio) -> AsyncIterator[House]:
    with known_studios():
        house = House(database, tmp_path, studio)
        await house.open()
        yield house
        await house.close()
