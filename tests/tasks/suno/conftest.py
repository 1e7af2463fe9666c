"""One gateway for each file of tests: every test brings its own account."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.store.conftest import sqlite
from tests.store.databases import SQLite
from tests.tasks.suno.stage import Stage, staged

__all__ = ["sqlite", "stage"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with sqlite.migrated() as database, staged(database, tmp_path_factory.mktemp("stage")) as stage:
        yield stage
