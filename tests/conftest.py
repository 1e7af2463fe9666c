"""The same generated cases in every run: only a change breaks a test. `make test-nightly` looks for new ones."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is not a fault: no case fails for taking long.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("daily", patient, derandomize=True, max_examples=25)
settings.register_profile("nightly", patient, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("nightly" if config.option.markexpr == "nightly" else "daily")
