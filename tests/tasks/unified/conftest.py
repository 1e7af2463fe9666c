"""One gateway for each file of tests and each database: every test brings its own accounts."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.store.conftest import database, databases, postgresql, sqlite
from tests.store.databases import Databases
from tests.tasks.engine.conftest import house, studio
from tests.tasks.unified.stand import Stand, standing

__all__ = ["database", "databases", "house", "postgresql", "sqlite", "stand", "studio"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with (
        databases.migrated() as database,
        standing(database, tmp_path_factory.mktemp("stand")) as stand,
    ):
        yield stand
