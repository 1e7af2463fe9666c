"""The tables in docs/en/failover.md: between its markers stands what a run of the suite has found."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.failover.scenario import Place, Scenario, Then, Way
from tests.failover.scenarios import SCENARIOS, name_of
from tests.faults.dialects import words_of

PAGE = Path(__file__).parents[2] / "docs" / "en" / "failover.md"
DOORS = {
    "chat": "OpenAI chat",
    "responses": "OpenAI Responses",
    "messages": "Anthropic Messages",
    "generate": "Gemini",
}
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)

Results = Mapping[str, Mapping[Way, str]]
"""By the scenario's full name: what went wrong in each way."""


def flawless() -> Results:
    return {name_of(scenario): dict.fromkeys(scenario.ways(), "") for scenario in SCENARIOS}


def renewed(text: str, results: Results) -> str:
    def replaced(place: re.Match[str]) -> str:
        return f"{place[1]}{_table(place[2], results)}{place[3]}"

    return _PLACE.sub(replaced, text)


def renew(results: Results) -> None:
    PAGE.write_text(renewed(PAGE.read_text("utf-8"), results), "utf-8")


def _table(name: str, results: Results) -> str:
    if name == "summary":
        return _summary(results)
    found = [scenario for scenario in SCENARIOS if scenario.place is Place(name)]
    head = f"| the channel | {' | '.join(DOORS.values())} | what the caller gets | end reason | charged |\n"
    rule = "| --- " * (len(DOORS) + 4) + "|\n"
    return head + rule + "".join(_row(scenario, results[name_of(scenario)]) for scenario in found)


def _row(scenario: Scenario, ways: Mapping[Way, str]) -> str:
    doors = [_passed([error for way, error in ways.items() if way[0] == door]) for door in DOORS]
    cells = [scenario.name, *doors, _what(scenario), f"`{scenario.reason}`", scenario.charged.value]
    return f"| {' | '.join(cells)} |\n"


def _what(scenario: Scenario) -> str:
    if scenario.then is Then.REFUSED:
        return f"an error, {words_of(scenario.kind, 'chat')[0]}"
    return str(scenario.then.value)


def _passed(errors: list[str]) -> str:
    return f"{errors.count('')}/{len(errors)}" if errors else ""


def _summary(results: Results) -> str:
    errors = [error for ways in results.values() for error in ways.values()]
    return f"{len(SCENARIOS)} scenarios, {len(errors)} runs, {errors.count('')} passed.\n"
