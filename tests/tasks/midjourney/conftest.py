"""One gateway for each file of tests: every test brings its own account."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.store.conftest import sqlite
from tests.store.databases import SQLite
from tests.tasks.midjourney.stand import Stand, standing

__all__ = ["sqlite", "stand"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with sqlite.migrated() as database, standing(database, tmp_path_factory.mktemp("stand")) as stand:
        yield stand
