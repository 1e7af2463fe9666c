"""One site for each file of tests: a gateway on a socket of its own, with a scripted vendor behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.gateway import running
from tests.portal.stand import Site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("portal")
    async with running(folder, publish_ratios=True, registration="open") as run:
        site = Site(run)
        # There are several accounts.
        run.check_money = site.check_money  # type: ignore[method-assign]
        yield site
        await site.close()
