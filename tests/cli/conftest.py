"""One installation for each file of tests, copied from one that is set up once."""

import shutil
from pathlib import Path

import pytest
from tests.cli.commanding import Cli
from tests.manage.installed import install


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("template") / "data"
    install(data)
    return data


@pytest.fixture(scope="module")
def cli(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(shutil.copytree(template, tmp_path_factory.mktemp("cli") / "data"))
