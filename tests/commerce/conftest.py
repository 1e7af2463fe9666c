"""Databases as the tests of the store have them: SQLite and a real PostgreSQL."""

from tests.commerce.payments_fixtures import open_shop, shop, stripe
from tests.store.conftest import database, databases, postgresql, sqlite

__all__ = ["database", "databases", "open_shop", "postgresql", "shop", "sqlite", "stripe"]
