"""Codes on the command line: made for cards and spreadsheets, seen once, disabled, redeemed."""

import csv
import io
import re

import pytest
from tests.cli.commanding import Cli

CODE = re.compile(r"PH(-[2-9A-HJKMNP-Z]{4}){4}")


@pytest.fixture(scope="module")
def account(cli: Cli) -> str:
    found: str = cli.json("account", "create", "of the codes")["id"]
    return found


def test_plain_prints_nothing_but_codes_one_a_line(cli: Cli) -> None:
    lines = cli.table("code", "create", "cards", "5.00", "--count", "20", "--plain").splitlines()
    assert len(set(lines)) == 20
    assert all(CODE.fullmatch(line) for line in lines)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x.example","y")', "a, b"]
)
def test_no_cell_of_a_sheet_is_a_formula(cli: Cli, name: str) -> None:
    text = cli.table("code", "create", name, "5.00", "--count", "2", "--csv")
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["code", "id", "amount_usd", "expires_at", "batch_name", "batch"]
    assert len(rows) == 2
    for row in rows:
        assert CODE.fullmatch(row[0])
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
        assert row[4].removeprefix("'") == name
        assert cli.json("code", "show", row[5])["name"] == name


def test_json_says_the_same_whatever_else_is_asked_for(cli: Cli) -> None:
    made = cli.json("code", "create", "cards", "5.00", "--count", "2", "--plain")
    assert (made["name"], made["amount_usd"], made["count"], len(made["codes"])) == ("cards", "5.00", 2, 2)
    assert "not both" in cli.refused("code", "create", "cards", "5.00", "--plain", "--csv")


def test_a_code_is_redeemed_once(cli: Cli, account: str) -> None:
    code = cli.table("code", "create", "cards", "2.50", "--plain").strip()
    before = float(cli.json("account", "show", account)["balance_usd"])
    typed = code.lower().replace("-", "")
    assert cli.json("code", "redeem", typed, "--account", account)["amount_usd"] == "2.50"
    assert float(cli.json("account", "show", account)["balance_usd"]) == before + 2.5
    assert "already" in cli.refused("code", "redeem", code, "--account", account)
    mistyped = code[:-1] + ("2" if code[-1] != "2" else "3")
    message = cli.refused("code", "redeem", mistyped, "--account", account)
    assert "typing error" in message and code[3:7] not in message


def test_codes_and_batches_are_listed_disabled_and_enabled_again(cli: Cli, account: str) -> None:
    made = cli.json(
        "code", "create", "listed", "1.00", "--count", "3", "--expires-at", "2999-01-01T00:00:00Z"
    )
    batch, first = made["id"], made["codes"][0]
    assert cli.json("code", "disable", first["id"])["status"] == "disabled"
    assert "disabled" in cli.refused("code", "redeem", first["code"], "--account", account)
    assert cli.json("code", "disable", first["id"], "--undo")["status"] == "unused"
    cli.json("code", "redeem", first["code"], "--account", account)
    assert cli.json("code", "disable-batch", batch)["disabled"] is True
    statuses = [each["status"] for each in cli.json("code", "list", "--batch", batch)["items"]]
    assert sorted(statuses) == ["disabled", "disabled", "used"]
    (used,) = cli.json("code", "list", "--batch", batch, "--status", "used")["items"]
    assert (used["id"], used["account_id"], used["user_id"]) == (first["id"], account, None)
    assert cli.json("code", "disable-batch", batch, "--undo")["disabled"] is False
    assert cli.json("code", "show", batch)["used"] == 1
    assert batch in cli.table("code", "batches")
    assert first["id"] in cli.table("code", "list")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["x", "0"], "amount_usd"),
        (["x", "-1"], "amount_usd"),
        (["x", "NaN"], "amount_usd"),
        (["x", "0.0000000000000000001"], "amount_usd"),
        (["x", "99999999999"], "amount_usd"),
        (["x", "1", "--count", "0"], "count"),
        (["x", "1", "--count", "1001"], "count"),
        (["", "1"], "name"),
        (["x", "1", "--expires-at", "2020-01-01"], "expires_at"),
    ],
    ids=str,
)
def test_what_is_no_batch_is_refused_by_name(cli: Cli, words: list[str], field: str) -> None:
    before = cli.json("code", "batches")
    assert cli.refused("code", "create", *words).startswith(f"Error: {field}")
    assert cli.json("code", "batches") == before


def test_what_is_not_there_is_named_with_the_command_that_lists_it(cli: Cli) -> None:
    assert "`pronghorn code list`" in cli.refused("code", "disable", "cod_none")
    assert "`pronghorn code batches`" in cli.refused("code", "show", "cdb_none")


def test_an_account_shows_its_invite_code(cli: Cli, account: str) -> None:
    shown = cli.json("account", "invitations", account)
    assert re.fullmatch(r"\w{8}", shown["invite_code"])
    assert cli.json("account", "invitations", account) == shown


def test_codes_are_never_printed_again(cli: Cli) -> None:
    codes = cli.table("code", "create", "secret", "1.00", "--count", "3", "--plain").split()
    before = len(cli.shown)
    for words in (["code", "list"], ["code", "batches"], ["audit", "list"], ["account", "entries"]):
        cli.table(*words, "--limit", "1000")
        cli.json(*words, "--limit", "1000")
    assert not any(code in text for code in codes for text in cli.shown[before:])
