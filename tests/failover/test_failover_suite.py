"""Whatever a channel does before content, the next one answers; what it does after content, the caller sees."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.failover import page
from tests.failover.scenario import Scenario
from tests.failover.scenarios import SCENARIOS, in_playing_order, name_of
from tests.failover.suite import Suite


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("failover"))
    yield suite
    await suite.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scenario", in_playing_order(), ids=name_of)
async def test_the_channel(suite: Suite, scenario: Scenario) -> None:
    results = await suite.play(scenario)
    assert results
    assert {way: error for way, error in results.items() if error} == {}


def test_scenarios_have_names_of_their_own() -> None:
    names = [name_of(scenario) for scenario in SCENARIOS]
    assert sorted(set(names)) == sorted(names)


def test_the_page_is_what_a_run_without_a_failure_makes() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.renewed(text, page.flawless()) == text, "renew it: python -m tests.failover"
    shown = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()]
    assert [scenario.name for scenario in SCENARIOS if scenario.name not in shown] == []
