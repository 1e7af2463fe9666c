"""Fixtures of the payments' tests: one shop for each file of tests and each database, an account for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.commerce import payments_stripe
from tests.commerce.payments_shop import Shop, opened
from tests.commerce.payments_stripe import Stripe
from tests.store.databases import Databases


@pytest.fixture(scope="module")
def stripe() -> Iterator[Stripe]:
    with payments_stripe.standing_in() as stripe:
        yield stripe


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_shop(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, stripe: Stripe
) -> AsyncIterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    async with databases.migrated() as database, opened(folder, database.url, stripe) as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def shop(open_shop: Shop) -> Shop:
    """With a new account, and nothing asked of Stripe."""
    open_shop.stripe.asked.clear()
    await open_shop.open_account()
    return open_shop
