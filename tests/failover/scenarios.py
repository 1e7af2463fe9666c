"""All scenarios, by their places."""

from tests.failover import after_content, at_connect, at_end, at_first_event, at_headers, of_several
from tests.failover.scenario import Charged, Scenario

_MODULES = (at_connect, at_headers, at_first_event, after_content, at_end, of_several)
SCENARIOS = [scenario for module in _MODULES for scenario in module.SCENARIOS]


def in_playing_order() -> list[Scenario]:
    """Those that want the same of a gateway beside each other."""
    return sorted(SCENARIOS, key=lambda one: (sorted(one.settings), one.charged is Charged.OURS))


def name_of(scenario: Scenario) -> str:
    return f"{scenario.place.value}: {scenario.name}"
