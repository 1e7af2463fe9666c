"""The same generated cases in every run: only a change breaks a test. `make test-nightly` looks for new ones."""

import pytest
from hypothesis import settings

settings.register_profile("daily", derandomize=True, max_examples=25)
settings.register_profile("nightly", print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("nightly" if config.option.markexpr == "nightly" else "daily")
