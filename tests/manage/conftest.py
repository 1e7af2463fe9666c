"""One installation for each file of tests, copied from one that is set up once: each test makes what it needs."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.manage.installed import Manage, install, opened


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("template") / "data"
    install(data)
    return data


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manage(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Manage]:
    data = shutil.copytree(template, tmp_path_factory.mktemp("manage") / "data")
    async with opened(data) as manage:
        yield manage
