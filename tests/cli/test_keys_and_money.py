"""What the command line promises of keys and money: a mistake makes nothing, and nothing goes below zero."""

import pytest
from tests.cli.commanding import Cli

WRONG_KEYS = [
    (["--budget-usd", "-1"], "budget_usd"),
    (["--budget-usd", "0"], "budget_usd"),
    (["--budget-usd", "1e3"], "budget_usd"),
    (["--budget-usd", "1.0000000001"], "budget_usd"),
    (["--expires-at", "yesterday"], "expires_at"),
    (["--expires-at", "2020-01-01T00:00:00Z"], "expires_at"),
    (["--ip", "300.1.1.1"], "ips"),
    (["--ip", "203.0.113.7/24"], "ips"),
    (["--ip", "example.com"], "ips"),
    (["--model", "gpt*4"], "models"),
    (["--model", ""], "models"),
    (["--group", "none"], "group"),
]


@pytest.fixture(scope="module")
def account(cli: Cli) -> str:
    found: str = cli.json("account", "create", "of the keys")["id"]
    return found


@pytest.mark.parametrize(("option", "field"), WRONG_KEYS, ids=lambda value: " ".join(value))
def test_a_wrong_limit_is_named_and_makes_no_key(
    cli: Cli, account: str, option: list[str], field: str
) -> None:
    before = cli.json("key", "list")
    message = cli.refused("key", "create", "k", "--account", account, *option)
    assert message.startswith(f"Error: {field}")
    assert cli.json("key", "list") == before


def test_every_limit_that_is_given_is_kept(cli: Cli, account: str) -> None:
    limits = ["--budget-usd", "2.50", "--rpm", "60", "--tpm", "1000", "--concurrency", "3"]
    limits += ["--ip", "203.0.113.7", "--ip", "2001:db8::/32", "--model", "gpt-4o*", "--model", "o3"]
    limits += ["--expires-at", "2999-01-31T12:00:00Z", "--group", "default"]
    made = cli.json("key", "create", "limited", "--account", account, *limits)
    shown = cli.json("key", "show", made["id"])
    assert made.pop("key").startswith("sk-live")
    assert shown == made
    assert (shown["budget_usd"], shown["rpm"], shown["tpm"], shown["concurrency"]) == ("2.50", 60, 1000, 3)
    assert shown["ips"] == ["203.0.113.7", "2001:db8::/32"]
    assert shown["models"] == ["gpt-4o*", "o3"]
    assert (shown["expires_at"], shown["group"]) == ("2999-01-31T12:00:00.000Z", "default")


def test_money_comes_and_goes_but_never_below_zero(cli: Cli, account: str) -> None:
    assert cli.json("account", "adjust", account, "5.00", "--note", "first")["balance_usd"] == "5.00"
    assert cli.json("account", "adjust", account, "-1.250000001")["balance_usd"] == "3.749999999"
    for amount in ("-3.75", "-5", "-99999999"):
        assert "3.749999999" in cli.refused("account", "adjust", account, amount)
    assert cli.json("account", "adjust", account, "-3.749999999")["balance_usd"] == "0.00"
    assert "0.00" in cli.refused("account", "adjust", account, "-0.000000001")
    for _ in range(2):
        paid = cli.json("account", "adjust", account, "3", "--note", "invoice 7", "--reference", "inv-7")
        assert paid["balance_usd"] == "3.00"
    assert "reference" in cli.refused("account", "adjust", account, "4", "--reference", "inv-7")
    cli.json("account", "adjust", account, "-3")
    assert cli.json("account", "show", account)["balance_usd"] == "0.00"


def test_a_revoked_key_is_gone_and_cannot_be_revoked_again(cli: Cli, account: str) -> None:
    made = cli.json("key", "create", "short-lived", "--account", account)["id"]
    cli.table("key", "revoke", made)
    assert made not in [key["id"] for key in cli.json("key", "list", "--limit", "1000")["items"]]
    for verb in ("show", "revoke"):
        assert "`pronghorn key list`" in cli.refused("key", verb, made)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x1b[31mb", "a\u202eb"])
def test_a_name_is_one_line_that_can_be_printed(cli: Cli, account: str, name: str) -> None:
    for words in (["key", "create", name, "--account", account], ["account", "create", name]):
        assert "name" in cli.refused(*words)


def test_names_of_the_whole_world_come_out_as_they_went_in(cli: Cli) -> None:
    made = cli.json("account", "create", "团队 🎉 צוות")
    assert cli.json("account", "show", made["id"])["name"] == "团队 🎉 צוות"
    assert "团队" in cli.table("account", "show", made["id"])
