"""What each command does, and that `--json` answers as the management API does."""

import asyncio
import re
from typing import Any

import pytest
from tests.cli.commanding import Cli
from tests.manage.installed import opened

CANARY = "sk-canary-41d0c2b7e9"


def _api(cli: Cli, path: str) -> Any:
    """Without health, of which only a running server tells the command line: none runs here."""

    async def get() -> Any:
        async with opened(cli.data) as manage:
            found = await manage.get(path)
            for item in found.get("items", [found]):
                if "health" in item:
                    item["health"] = None
            return found

    return asyncio.run(get())


def _new_account(cli: Cli, name: str = "Team A") -> str:
    return str(cli.json("account", "create", name)["id"])


def test_accounts_are_opened_adjusted_and_shown(cli: Cli) -> None:
    made = cli.json("account", "create", "Team A")
    path = f"/accounts/{made['id']}"
    assert made == _api(cli, path)
    paid = cli.json("account", "adjust", made["id"], "5.00", "--note", "first money")
    assert paid["balance_usd"] == "5.00"
    assert cli.json("account", "adjust", made["id"], "-1.5")["balance_usd"] == "3.50"
    test = cli.json("account", "adjust", made["id"], "-999", "--test")
    assert (test["mode"], test["balance_usd"]) == ("test", "1.00")
    assert cli.json("account", "show", made["id"]) == _api(cli, f"{path}?detail=1")
    assert cli.json("account", "show", made["id"], "--test") == _api(cli, f"{path}?detail=1&mode=test")
    notes = [entry["note"] for entry in _api(cli, f"/entries?account_id={made['id']}")["items"]]
    assert notes == ["", "first money"]


def test_a_key_is_shown_once_and_never_again(cli: Cli) -> None:
    account = _new_account(cli)
    limits = ["--budget-usd", "2.00", "--rpm", "5", "--tpm", "6", "--concurrency", "7", "--strict"]
    allowed = ["--model", "gpt-4o", "--model", "claude-*", "--ip", "203.0.113.0/24", "--group", "default"]
    made = cli.json(
        "key", "create", "laptop", "--account", account, *limits, *allowed, "--expires-at", "2100-01-01"
    )
    secret = made.pop("key")
    assert re.fullmatch("sk-live[0-9A-Za-z]{44}", secret)
    assert made == _api(cli, f"/keys/{made['id']}") == cli.json("key", "show", made["id"])
    assert (made["models"], made["ips"]) == (["gpt-4o", "claude-*"], ["203.0.113.0/24"])
    assert (made["budget_usd"], made["rpm"], made["tpm"], made["concurrency"]) == ("2.00", 5, 6, 7)
    assert (made["strict"], made["expires_at"]) == (True, "2100-01-01T00:00:00.000Z")
    assert cli.json("key", "list", "--account", account) == _api(cli, f"/keys?account_id={account}")
    assert secret not in cli.table("key", "list") + cli.table("key", "show", made["id"])
    cli.table("key", "revoke", made["id"])
    assert cli.json("key", "list", "--account", account)["items"] == []


def test_a_test_key_is_one(cli: Cli) -> None:
    shown = cli.table("key", "create", "try", "--account", _new_account(cli), "--test")
    assert re.search("sk-test[0-9A-Za-z]{44}", shown)


def test_a_channel_takes_its_credentials_from_standard_input(cli: Cli) -> None:
    proxy = f"http://ann:{CANARY}-p@proxy.example:3128"
    made = cli.json(
        *(
            "channel",
            "create",
            "main",
            "--vendor",
            "openai",
            "--model",
            "gpt-4o-mini",
            "--model",
            "fast=gpt-4o",
        ),
        *("--credentials-stdin", "--priority", "3", "--weight", "2", "--proxy", proxy),
        stdin=f"{CANARY}-1\n\n  {CANARY}-2  \r\n",
    )
    assert (made["credential_count"], made["priority"], made["weight"]) == (2, 3, 2)
    assert made["models"] == {"gpt-4o-mini": "gpt-4o-mini", "fast": "gpt-4o"}
    assert made == _api(cli, f"/channels/{made['id']}") == cli.json("channel", "show", made["id"])
    cli.table("channel", "list")
    cli.table("channel", "delete", made["id"])
    assert "`pronghorn channel list`" in cli.refused("channel", "show", made["id"])
    assert all(CANARY not in text for text in cli.shown)
    new = ("channel", "create", "main", "--vendor", "openai", "--model", "m")
    assert cli.run(*new, "--credential", CANARY).code == 2


def test_models_are_listed_and_shown_with_their_prices(cli: Cli) -> None:
    listed = cli.json("model", "list", "--vendor", "openai", "--limit", "1000")
    assert listed == _api(cli, "/models?vendor=openai&limit=1000")
    mini = cli.json("model", "show", "gpt-4o-mini")
    assert mini in listed["items"]
    assert mini["price"]["input_usd_per_million"] == "0.15"


def test_prices_are_set_shown_and_deleted(cli: Cli) -> None:
    more = ["--cache-read", "0.1", "--cache-write", "0.2", "--reasoning", "0.3", "--per-call", "0.4"]
    media = ["--per-second", "0.5", "--per-image", "0.6", "--note", "deal"]
    made = cli.json("price", "set", "org/fast", "--input", "0.15", "--output", "0.60", *more, *media)
    assert made["effective"] == {
        "input_usd_per_million": "0.15",
        "output_usd_per_million": "0.60",
        "cache_read_usd_per_million": "0.1",
        "cache_write_5m_usd_per_million": "0.2",
        "cache_write_1h_usd_per_million": "0.2",
        "reasoning_usd_per_million": "0.3",
        "per_call_usd": "0.4",
        "per_second_usd": "0.5",
        "per_image_usd": "0.6",
    }
    assert made == _api(cli, "/prices/org/fast") == cli.json("price", "show", "org/fast")
    assert cli.json("price", "list", "--limit", "5") == _api(cli, "/prices?limit=5")
    cli.table("price", "delete", "org/fast")
    assert "org/fast" in cli.refused("price", "show", "org/fast")


def test_groups_are_made_shown_and_deleted(cli: Cli) -> None:
    made = cli.json("group", "create", "partners", "--factor", "0.85", "--description", "15 % off")
    assert made == _api(cli, "/groups/partners") == cli.json("group", "show", "partners")
    assert cli.json("group", "list") == _api(cli, "/groups")
    account = cli.json("account", "create", "x", "--group", "partners")
    assert account["group"] == "partners"
    assert "1 accounts" in cli.refused("group", "delete", "partners")
    cli.json("group", "create", "unused")
    assert cli.table("group", "delete", "unused") == "Done.\n"


def test_a_users_password_comes_from_standard_input_alone(cli: Cli) -> None:
    password = "correct horse battery"
    made = cli.json("user", "create", "Ann@Example.com", "--name", "Ann", "--admin")
    assert (made["email"], made["role"], made["has_password"]) == ("ann@example.com", "admin", False)
    assert made == _api(cli, f"/users/{made['id']}") == cli.json("user", "show", made["id"])
    assert cli.json("user", "password", "ANN@example.com", stdin=f"{password}\n")["has_password"] is True
    too_short = cli.refused("user", "password", "ann@example.com", stdin="short\n")
    assert too_short == "Error: password: expected `str` of length >= 10\n"
    assert "`pronghorn user list`" in cli.refused("user", "password", "ben@example.com", stdin=password)
    ben = cli.json("user", "create", "ben@example.com", "--password-stdin", stdin=password)
    assert ben["has_password"] is True
    assert cli.json("user", "list") == _api(cli, "/users")
    cli.table("user", "delete", ben["id"])
    assert all(password not in text for text in cli.shown)
    usage = cli.run("user", "create", "eve@example.com", "--password", password)
    assert usage.code == 2


def test_a_token_made_here_opens_the_management_api(cli: Cli) -> None:
    made = cli.json("token", "create", "deploy")
    token = made.pop("token")
    assert made in cli.json("token", "list")["items"]

    async def status() -> int:
        async with opened(cli.data) as manage:
            headers = {"authorization": f"Bearer {token}"}
            return (await manage.call("GET", "/accounts", headers=headers)).status_code

    assert asyncio.run(status()) == 200
    cli.table("token", "revoke", made["id"])
    assert asyncio.run(status()) == 401
    assert "--email" in cli.refused("token", "create", "deploy", "--email", "nobody@example.com")
    cli.json("user", "create", "plain@example.com")
    assert "`pronghorn user list`" in cli.refused("token", "create", "x", "--email", "plain@example.com")


@pytest.mark.parametrize(
    "name", ["account", "key", "channel", "model", "route", "price", "group", "user", "token", "request"]
)
def test_lists_answer_as_the_management_api_does(cli: Cli, name: str) -> None:
    assert cli.json(name, "list") == _api(cli, f"/{name}s")
    page = cli.json(name, "list", "--limit", "1")
    assert page == _api(cli, f"/{name}s?limit=1")
    table = cli.table(name, "list", "--limit", "1")
    assert all(item.get("id", item.get("name", item.get("model"))) in table for item in page["items"])


def test_every_change_from_here_is_in_the_audit_as_made_by_the_command_line(cli: Cli) -> None:
    account = _new_account(cli)
    (row,) = _api(cli, f"/audit?subject={account}")["items"]
    assert (row["actor"], row["action"]) == ("cli", "account.create")
