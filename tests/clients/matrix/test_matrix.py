"""Every client asks every kind of model for every feature; each outcome is the one that the documents promise."""

import asyncio

import pytest
from tests.clients.matrix.asking import Sdk
from tests.clients.matrix.expected import compared, expected
from tests.clients.matrix.page import PAGE, page
from tests.clients.matrix.playing import CLIENTS, MODELS, Outcomes, clients, features, play
from tests.process import Installation


class Games:
    """What was played: each client once, when the first of its tests comes."""

    def __init__(self, gateway: Installation) -> None:
        self._gateway = gateway
        self._outcomes: dict[tuple[str, bool], Outcomes] = {}

    def outcomes(self, client: type[Sdk], *, is_async: bool) -> Outcomes:
        key = client.name, is_async
        if key not in self._outcomes:
            self._outcomes[key] = asyncio.run(play(client, self._gateway, is_async=is_async))
        return self._outcomes[key]


@pytest.fixture(scope="session")
def games(gateway: Installation) -> Games:
    return Games(gateway)


@pytest.mark.parametrize("name", features())
@pytest.mark.parametrize(
    ("client", "is_async"),
    [pytest.param(*way, id=f"{way[0].name}{', async' * way[1]}") for way in clients()],
)
def test_a_feature_does_what_is_promised(games: Games, client: type[Sdk], is_async: bool, name: str) -> None:
    outcomes = games.outcomes(client, is_async=is_async)
    of_feature = {(name, model.vendor): outcomes[name, model.vendor] for model in MODELS}
    assert compared(of_feature, expected(client.name)) == []


def test_the_page_shows_what_was_played(games: Games, capsys: pytest.CaptureFixture[str]) -> None:
    text = page({client.name: games.outcomes(client, is_async=False) for client in CLIENTS})
    with capsys.disabled():
        print(f"\n{text}")
    assert PAGE.read_text("utf-8") == text, "`python -m tests.clients.matrix` writes it anew"
