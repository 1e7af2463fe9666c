"""A gateway for each file of tests that wants one, an account with money, and a second vendor."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import ScriptedUpstream


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def case(gateway: Gateway) -> AsyncIterator[Case]:
    """10 USD and a model that the gateway's first upstream serves; recounted at the end."""
    case = await gateway.case()
    yield case
    await case.assert_invariants()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def second(gateway: Gateway) -> AsyncIterator[ScriptedUpstream]:
    upstream = await ScriptedUpstream().start()
    yield upstream
    await upstream.close()
