"""Budgets on the command line: set, listed, changed and removed, and refused in its own words."""

from tests.cli.commanding import Cli


def test_a_budget_is_set_changed_and_removed(cli: Cli) -> None:
    account = cli.json("account", "create", "of the budgets")["id"]
    made = cli.json(
        "budget",
        "create",
        "account",
        account,
        "5.00",
        "--period",
        "day",
        "--time-zone",
        "Asia/Tokyo",
        "--test",
    )
    assert (made["mode"], made["amount_usd"], made["left_usd"]) == ("test", "5.00", "5.00")
    assert made["resets_at"].endswith("T15:00:00.000Z"), "midnight in Tokyo"
    assert cli.json("budget", "show", made["id"]) == made
    assert cli.json("budget", "list", "--scope", "account", "--subject", account)["items"] == [made]
    assert made["id"] in cli.table("budget", "list")
    assert cli.json("budget", "change", made["id"], "--amount-usd", "7.5")["amount_usd"] == "7.50"
    again = cli.refused("budget", "create", "account", account, "1", "--period", "day", "--test")
    assert f"`pronghorn budget change {made['id']}`" in again
    assert "Done." in cli.table("budget", "delete", made["id"])
    assert "`pronghorn budget list`" in cli.refused("budget", "show", made["id"])


def test_what_makes_no_sense_is_refused_by_name(cli: Cli) -> None:
    body = ("budget", "create", "group", "default", "1", "--period", "hour")
    assert "time_zone" in cli.refused(*body, "--time-zone", "Mars/Base")
    assert "amount_usd" in cli.refused(*body[:4], "0", *body[5:])
    assert "`pronghorn group list`" in cli.refused(*body[:3], "nobody", *body[4:])
