"""The sandbox, running on a free port inside the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from pronghorn import sandbox


@pytest_asyncio.fixture
async def sandbox_url() -> AsyncIterator[str]:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    until = asyncio.Event()
    task = asyncio.create_task(sandbox.run("127.0.0.1", 0, ready.set_result, until))
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    yield f"http://127.0.0.1:{ready.result()}"
    until.set()
    await task


@pytest_asyncio.fixture
async def client(sandbox_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": "Bearer sandbox"}
    async with aiohttp.ClientSession(sandbox_url, headers=headers) as session:
        yield session
