"""Databases for the bank: in memory for the many, SQLite and PostgreSQL for the few."""

import asyncio

import pytest
from tests.bank.memory import migrated
from tests.store.conftest import postgresql, sqlite

__all__ = ["postgresql", "sqlite"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated database, to be copied into memory."""
    return asyncio.run(migrated(tmp_path_factory.mktemp("template")))
