"""What the command line does with prices by kind, the mark-up and factors of groups."""

import pytest
from tests.cli.commanding import Cli


def test_the_mark_up_is_shown_set_and_taken_away(cli: Cli) -> None:
    assert cli.json("price", "markups")["factor"] == "1"
    made = cli.json("price", "markup", "1.2", "--vendor", "openai=1.1", "--vendor", "groq=2")
    assert (made["factor"], made["vendors"]) == ("1.2", {"groq": "2", "openai": "1.1"})
    assert cli.json("price", "show", "gpt-4o")["markup"] == "1.1"
    assert cli.json("price", "show", "gpt-4o")["effective"]["input_usd_per_million"] == "2.75"
    made = cli.json("price", "markup", "--vendor", "groq=none")
    assert (made["factor"], made["vendors"]) == ("1.2", {"openai": "1.1"})
    made = cli.json("price", "markup", "none", "--vendor", "openai=none")
    assert (made["factor"], made["vendors"]) == ("1", {})


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "give at least one thing"),
        (["0"], "factor"),
        (["1e2"], "factor"),
        (["1.2", "--vendor", "openai"], "VENDOR=FACTOR"),
        (["1.2", "--vendor", "opnai=1.2"], "vendors"),
    ],
)
def test_a_wrong_mark_up_changes_nothing(cli: Cli, words: list[str], named: str) -> None:
    before = cli.json("price", "markups")
    ended = cli.run("price", "markup", *words)
    assert ended.code == 1
    assert named in ended.err
    assert cli.json("price", "markups") == before


def test_prices_by_kind_are_typed_one_by_one(cli: Cli) -> None:
    words = ["--per-second", "720p=0.10", "--per-second", "1080p/audio=0.2", "--per-call", "0.01"]
    made = cli.json("price", "set", "my-film", *words)
    assert made["effective"] == {
        "per_call_usd": "0.01",
        "per_second_usd": {"720p": "0.10", "1080p/audio": "0.2"},
    }
    assert "per_second_usd.720p" in cli.refused("price", "set", "my-film", "--per-second", "720p=-1")
    assert cli.json("price", "show", "my-film") == made


def test_account_factors_are_replaced_and_cleared(cli: Cli) -> None:
    cli.json("group", "create", "vip")
    made = cli.json("group", "create", "pool", "--factor", "1.5", "--account-factor", "vip=1.2")
    assert made["account_factors"] == {"vip": "1.2"}
    words = ["--account-factor", "vip=1.1", "--account-factor", "default=1.4"]
    assert cli.json("group", "change", "pool", *words)["account_factors"] == {"vip": "1.1", "default": "1.4"}
    assert cli.json("group", "change", "pool", "--factor", "2")["account_factors"] == {
        "vip": "1.1",
        "default": "1.4",
    }
    assert "account_factors" in cli.refused("group", "change", "pool", "--account-factor", "nobody=1")
    assert "GROUP=FACTOR" in cli.refused("group", "change", "pool", "--account-factor", "1.2")
    assert cli.json("group", "change", "pool", "--account-factor", "none")["account_factors"] == {}
