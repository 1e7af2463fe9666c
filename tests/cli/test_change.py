"""What is there is changed from the command line as by the management API: what is not named stays as it is."""

import asyncio
import itertools
from typing import Any

import pytest
from tests.cli.commanding import Cli
from tests.manage.installed import opened

CANARY = "sk-canary-7f30aa51c4"
NUMBERS = itertools.count()


def _api(cli: Cli, path: str) -> Any:
    async def get() -> Any:
        async with opened(cli.data) as manage:
            return await manage.get(path)

    return asyncio.run(get())


@pytest.fixture(scope="module")
def account(cli: Cli) -> str:
    cli.json("group", "create", "partners")
    return str(cli.json("account", "create", "Team A", "--rpm", "9")["id"])


def _make(cli: Cli, noun: str, account: str) -> str:
    """Something new with nothing left out, and how it is called."""
    words = {
        "account": ["Team B", "--group", "partners", "--rpm", "5"],
        "group": [
            f"group-{next(NUMBERS)}",
            *("--factor", "0.9", "--description", "as agreed", "--rpm", "5"),
        ],
        "key": [
            *("laptop", "--account", account, "--model", "gpt-4o", "--model", "o3", "--ip", "203.0.113.7"),
            *("--group", "partners", "--budget-usd", "2.00", "--strict", "--expires-at", "2100-01-01"),
            *("--rpm", "5"),
        ],
        "channel": [
            *(
                f"main-{next(NUMBERS)}",
                "--vendor",
                "openai",
                "--model",
                "fast=gpt-4o",
            ),
            *("--base-url", "https://elsewhere.example/v1", "--group", "partners", "--priority", "3"),
            *("--weight", "2", "--cost", "0.8", "--proxy", "http://proxy.example:3128", "--rpm", "5"),
            "--credentials-stdin",
        ],
    }[noun]
    made = cli.json(noun, "create", *words, stdin=f"{CANARY}-1\n")
    return str(made.get("id", made["name"]))


def _shown(cli: Cli, noun: str, name: str) -> dict[str, Any]:
    """Without the leases of servers, which only `account show` adds."""
    found: dict[str, Any] = cli.json(noun, "show", name)
    return {field: value for field, value in found.items() if field != "leases"}


CHANGES: list[tuple[str, list[str], dict[str, Any]]] = [
    ("account", ["--name", "Team C"], {"name": "Team C"}),
    ("account", ["--name", "none"], {"name": "none"}),
    ("account", ["--group", "default"], {"group": "default"}),
    ("account", ["--disabled"], {"disabled": True}),
    ("group", ["--factor", "1.25"], {"factor": "1.25"}),
    ("group", ["--description", ""], {"description": ""}),
    ("key", ["--name", "desk"], {"name": "desk"}),
    ("key", ["--model", "claude-*", "--model", "o3"], {"models": ["claude-*", "o3"]}),
    ("key", ["--model", "none"], {"models": None}),
    ("key", ["--ip", "2001:db8::/32"], {"ips": ["2001:db8::/32"]}),
    ("key", ["--ip", "none"], {"ips": None}),
    ("key", ["--group", "default"], {"group": "default"}),
    ("key", ["--group", "none"], {"group": None}),
    ("key", ["--budget-usd", "7.50"], {"budget_usd": "7.50"}),
    ("key", ["--budget-usd", "none"], {"budget_usd": None}),
    ("key", ["--not-strict", "--disabled"], {"strict": False, "disabled": True}),
    ("key", ["--expires-at", "2101-02-03T04:05:06Z"], {"expires_at": "2101-02-03T04:05:06.000Z"}),
    ("key", ["--expires-at", "none"], {"expires_at": None}),
    ("channel", ["--name", "spare"], {"name": "spare"}),
    ("channel", ["--model", "a=b", "--model", "c"], {"models": {"a": "b", "c": "c"}}),
    ("channel", ["--base-url", "https://other.example/"], {"base_url": "https://other.example"}),
    ("channel", ["--base-url", "none"], {"base_url": "https://api.openai.com/v1"}),
    ("channel", ["--group", "default", "--group", "partners"], {"groups": ["default", "partners"]}),
    ("channel", ["--priority", "-4", "--weight", "9"], {"priority": -4, "weight": 9}),
    ("channel", ["--cost", "0.65"], {"cost": "0.65"}),
    ("channel", ["--proxy", "http://ann:pw@p.example:1"], {"proxy": "http://***@p.example:1"}),
    ("channel", ["--proxy", "none"], {"proxy": None}),
    ("channel", ["--no-credentials"], {"credential_count": 0, "credential_hints": []}),
    ("channel", ["--disabled"], {"disabled": True}),
]


@pytest.mark.parametrize(
    ("noun", "options", "expected"), CHANGES, ids=[" ".join((noun, *words)) for noun, words, _ in CHANGES]
)
def test_a_change_changes_what_was_named_and_nothing_else(
    cli: Cli, account: str, noun: str, options: list[str], expected: dict[str, Any]
) -> None:
    name = _make(cli, noun, account)
    before = _shown(cli, noun, name)
    changed = cli.json(noun, "change", name, *options)
    assert changed == _shown(cli, noun, name) == before | expected
    assert changed != before
    (row, *_) = cli.json("audit", "list", "--subject", name)["items"]
    assert (row["actor"], row["action"]) == ("cli", f"{noun}.change")


@pytest.mark.parametrize("noun", ["account", "group", "key", "channel"])
def test_what_was_disabled_can_be_enabled_and_a_change_of_nothing_is_refused(
    cli: Cli, account: str, noun: str
) -> None:
    name = _make(cli, noun, account)
    if noun != "group":
        assert cli.json(noun, "change", name, "--disabled")["disabled"] is True
        assert cli.json(noun, "change", name, "--enabled")["disabled"] is False
    assert "--help lists the options" in cli.refused(noun, "change", name)
    option = "--description" if noun == "group" else "--name"
    assert f"`pronghorn {noun} list`" in cli.refused(noun, "change", "nobody", option, "x")


def test_credentials_are_replaced_but_not_by_a_pipe_that_brings_nothing(cli: Cli, account: str) -> None:
    name = _make(cli, "channel", account)
    for nothing in ("", "\n", " \r\n\n"):
        message = cli.refused("channel", "change", name, "--credentials-stdin", stdin=nothing)
        assert "--no-credentials" in message
        assert cli.json("channel", "show", name)["credential_count"] == 1
    changed = cli.json(
        "channel", "change", name, "--credentials-stdin", stdin=f"{CANARY}-2222\n{CANARY}-3333\n"
    )
    assert [hint[-4:] for hint in changed["credential_hints"]] == ["2222", "3333"]
    cli.table("audit", "list")
    assert all(CANARY not in text for text in cli.shown)


def test_a_channel_is_called_by_its_name_as_long_as_only_one_has_it(cli: Cli, account: str) -> None:
    name = cli.json("channel", "show", _make(cli, "channel", account))["name"]
    assert cli.json("channel", "limit", name, "--rpm", "8")["rpm"] == 8
    other = _make(cli, "channel", account)
    cli.json("channel", "change", other, "--name", name)
    assert "give an id" in cli.refused("channel", "change", name, "--disabled")
    assert "give an id" in cli.refused("channel", "delete", name)
    assert cli.table("channel", "delete", other) == "Done.\n"
    assert cli.json("channel", "change", name, "--disabled")["disabled"] is True


def test_a_user_is_changed_by_email_or_id(cli: Cli) -> None:
    made = cli.json("user", "create", "Cora@example.com", "--password-stdin", stdin="correct horse battery\n")
    named = cli.json("user", "change", "cora@example.com", "--name", "Cora", "--email", "Cora@example.org")
    assert named == made | {"name": "Cora", "email": "cora@example.org"}
    admin = cli.json("user", "change", made["id"], "--role", "admin", "--no-password")
    assert (admin["role"], admin["has_password"]) == ("admin", False)
    assert admin == cli.json("user", "show", "cora@example.org") == _api(cli, f"/users/{made['id']}")
    assert cli.json("user", "list", "--email", "cora@example.org")["items"] == [admin]
    token = cli.json("token", "create", "deploy", "--email", "cora@example.org")
    (listed,) = cli.json("token", "list", "--email", "cora@example.org")["items"]
    assert listed["id"] == token["id"]
    disabled = cli.json("user", "change", "cora@example.org", "--disabled", "--role", "user")
    assert (disabled["disabled"], disabled["role"]) == (True, "user")
    assert cli.table("user", "delete", "cora@example.org") == "Done.\n"
    assert "`pronghorn user list`" in cli.refused("user", "change", "cora@example.org", "--enabled")


@pytest.mark.parametrize("options", [["--disabled"], ["--role", "user"]], ids=" ".join)
def test_the_last_admin_stays_one(cli: Cli, options: list[str]) -> None:
    assert "last enabled admin" in cli.refused("user", "change", "admin@localhost", *options)


def test_a_model_of_ones_own_is_made_changed_and_retired(cli: Cli) -> None:
    made = cli.json(
        *(
            "model",
            "set",
            "org/house",
            "--vendor",
            "openai",
            "--display-name",
            "House",
            "--capability",
            "chat",
        ),
        *("--capability", "embeddings", "--context-tokens", "8000", "--max-output-tokens", "900"),
    )
    assert made == cli.json("model", "show", "org/house") == _api(cli, "/models/org/house")
    assert (made["own"], made["capabilities"]) == (True, ["chat", "embeddings"])
    changed = cli.json("model", "change", "org/house", "--description", "ours", "--context-tokens", "16000")
    assert changed == made | {"description": "ours", "context_tokens": 16000}
    cleared = cli.json("model", "change", "org/house", "--max-output-tokens", "none", "--retired")
    assert cleared == changed | {"max_output_tokens": None, "retired": True}
    assert cleared in cli.json("model", "list", "--retired", "--limit", "1000")["items"]
    assert cleared not in cli.json("model", "list", "--not-retired", "--limit", "1000")["items"]
    assert (
        cli.json("model", "change", "org/house", "--not-retired", "--capability", "chat")["retired"] is False
    )
    replaced = cli.json("model", "set", "org/house", "--vendor", "groq")
    assert (replaced["vendor"], replaced["description"], replaced["context_tokens"]) == ("groq", "", None)
    assert len(replaced["capabilities"]) > 5
    assert "--help lists what is taken" in cli.refused("model", "change", "org/house", "--capability", "x")


def test_every_part_of_a_price_can_be_set(cli: Cli) -> None:
    parts = [
        "input",
        "output",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "audio_input",
        "image_input",
    ]
    parts += ["reasoning", "audio_output", "image_output", "character"]
    options = [
        word for n, part in enumerate(parts, 1) for word in (f"--{part.replace('_', '-')}", f"0.{n:02}")
    ]
    images = ["--per-image", "0.04", "--per-image", "hd/1024x1024=0.08"]
    tiers = ["--tier", "128000:input=1.5,cache-read=0.2", "--tier", "200000:output=30"]
    made = cli.json("price", "set", "dear", *options, *images, *tiers)
    assert made["operator"] == {
        **{f"{part}_usd_per_million": f"0.{n:02}" for n, part in enumerate(parts, 1)},
        "per_image_usd": {"default": "0.04", "hd/1024x1024": "0.08"},
        "tiers": [
            {
                "above_input_tokens": 128000,
                "input_usd_per_million": "1.5",
                "cache_read_usd_per_million": "0.2",
            },
            {"above_input_tokens": 200000, "output_usd_per_million": "30"},
        ],
    }
    assert made == _api(cli, "/prices/dear")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--tier", "many:input=1"], "tiers[0].above_input_tokens: expected `int`"),
        (["--tier", "5:inputt=1"], "tiers[0].inputt_usd_per_million: there is no such field; see --help"),
        (["--tier", "5"], "tiers[0]._usd_per_million: there is no such field; see --help"),
        (["--tier", "0:input=1"], "tiers: each above_input_tokens must be positive"),
        (["--per-image", "hd="], "per_image_usd"),
        (["--character", "-1"], "character_usd_per_million"),
        (["--input", "9" * 40], "input_usd_per_million"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_wrong_price_is_named_and_sets_nothing(cli: Cli, options: list[str], why: str) -> None:
    assert cli.refused("price", "set", "wrong", "--output", "1", *options).startswith(f"Error: {why}")
    assert "`pronghorn price set wrong`" in cli.refused("price", "show", "wrong")


def test_members_come_change_and_go(cli: Cli, account: str) -> None:
    dora = cli.json("user", "create", "dora@example.com")["id"]
    made = cli.json("member", "add", account, "Dora@example.com")
    assert (made["user_id"], made["role"]) == (dora, "member")
    assert cli.json("member", "add", account, dora, "--role", "owner")["role"] == "owner"
    listed = cli.json("member", "list", account)
    assert listed == _api(cli, f"/accounts/{account}/members")
    assert [member["email"] for member in listed["items"]] == ["dora@example.com"]
    assert "owner" in cli.table("member", "list", account)
    assert cli.table("member", "remove", account, "dora@example.com") == "Done.\n"
    assert "not a member" in cli.refused("member", "remove", account, dora)
    assert cli.json("member", "list", account)["items"] == []
    assert "`pronghorn account list`" in cli.refused("member", "list", "acc_none")
    assert "`pronghorn user list`" in cli.refused("member", "add", account, "usr_none")
    assert "`pronghorn user list`" in cli.refused("member", "add", account, "nobody@example.com")


def test_the_ledger_of_an_account_is_listed(cli: Cli) -> None:
    account = cli.json("account", "create", "Ledger")["id"]
    cli.json("account", "adjust", account, "5.00", "--note", "first money")
    listed = cli.json("account", "entries", account)
    assert listed == _api(cli, f"/entries?account_id={account}")
    (entry,) = listed["items"]
    assert (entry["amount_usd"], entry["note"]) == ("5.00", "first money")
    assert cli.json("account", "entries", account, "--kind", "charge")["items"] == []
    (test_money,) = cli.json("account", "entries", account, "--test")["items"]
    assert test_money["amount_usd"] == "1000.00"
    assert "first money" in cli.table("account", "entries")


def test_the_audit_is_listed_and_filtered(cli: Cli) -> None:
    made = cli.json("account", "create", "Audited")["id"]
    cli.json("account", "change", made, "--name", "Renamed")
    listed = cli.json("audit", "list", "--subject", made)
    assert listed == _api(cli, f"/audit?subject={made}")
    assert [row["action"] for row in listed["items"]] == ["account.change", "account.create"]
    (row,) = cli.json("audit", "list", "--subject", made, "--action", "account.change")["items"]
    assert row["detail"] == {"name": "Renamed"}
    assert cli.json("audit", "list", "--subject", made, "--actor", "system")["items"] == []
    assert "Renamed" in cli.table("audit", "list", "--subject", made)
