"""The sandbox, running on a free port inside the test's own event loop."""

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio
from tests.serving import playing


@pytest_asyncio.fixture
async def sandbox_url() -> AsyncIterator[str]:
    async with playing() as url:
        yield url


@pytest_asyncio.fixture
async def client(sandbox_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": "Bearer sandbox"}
    async with aiohttp.ClientSession(sandbox_url, headers=headers) as session:
        yield session
