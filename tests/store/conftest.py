"""Every test that asks for a database runs on SQLite and on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.store import postgresql as server
from tests.store.databases import Databases, PostgreSQL, SQLite

from pronghorn.store import Database


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SQLite:
    return SQLite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with server.running() as folder:
        yield PostgreSQL(folder)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Databases)
    return found


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """Migrated, without a row."""
    async with databases.migrated() as database:
        yield database
