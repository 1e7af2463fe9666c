"""The gateway with its sandbox, started once for all client tests."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from tests.process import Installation


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("clients")
    installation = Installation(folder).start()
    yield installation
    installation.close()


@pytest.fixture
def client(gateway: Installation) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=gateway.first["test_key"], max_retries=0
    ) as client:
        yield client
