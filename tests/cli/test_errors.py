"""What goes wrong is said in one line with the way out, with an exit code, and without a traceback."""

from pathlib import Path

import pytest
from tests.cli.commanding import Cli, typed

from pronghorn.cli import COMMANDS


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["account", "show", "acc_none"], "`pronghorn account list`"),
        (["account", "adjust", "acc_none", "1"], "`pronghorn account list`"),
        (["account", "create", ""], "name"),
        (["account", "create", "x", "--group", "none"], "`pronghorn group list`"),
        (["key", "create", "x", "--account", "acc_none"], "`pronghorn account list`"),
        (["key", "show", "key_none"], "`pronghorn key list`"),
        (["key", "revoke", "key_none"], "`pronghorn key list`"),
        (["channel", "create", "x", "--vendor", "nobody", "--model", "m"], "openai"),
        (["channel", "create", "x", "--vendor", "openai", "--model", "m", "--base-url", "x"], "https://host"),
        (["channel", "delete", "chn_none"], "`pronghorn channel list`"),
        (["model", "show", "none"], "`pronghorn model list`"),
        (["price", "set", "m"], "input"),
        (["price", "set", "m", "--input", "1e3"], "12.50"),
        (["price", "show", "none"], "`pronghorn price set none`"),
        (["price", "delete", "none"], "none"),
        (["group", "create", "default"], "default"),
        (["group", "delete", "default"], "default"),
        (["user", "create", "ann"], "name@host"),
        (["user", "delete", "usr_none"], "`pronghorn user list`"),
        (["token", "revoke", "tok_none"], "`pronghorn token list`"),
        (["request", "show", "req_none"], "req_none"),
        (["request", "list", "--since", "yesterday"], "ISO 8601"),
        (["request", "list", "--cursor", "x"], "cursor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_answered_with_the_way_out(cli: Cli, words: list[str], way_out: str) -> None:
    message = cli.refused(*words)
    assert way_out in message
    assert "/manage/v1" not in message


@pytest.mark.parametrize("amount", ["0", "-0", "NaN", "1e3", "0.0000000001", "1,000", "-1"])
def test_what_is_no_amount_or_not_there_moves_nothing(cli: Cli, amount: str) -> None:
    account = cli.json("account", "create", "x")["id"]
    assert "USD" in cli.refused("account", "adjust", account, amount) or amount != "-1"
    assert cli.json("account", "show", account)["balance_usd"] == "0.00"


@pytest.mark.parametrize(
    "words",
    [
        ["account", "list", "--limit", "0"],
        ["account", "list", "--limit", "1001"],
        ["account", "list", "--surprise"],
        ["account", "nothing"],
        ["account", "show"],
        ["key", "create", "x"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_a_command_shows_its_usage(words: list[str]) -> None:
    ended = typed(*words)
    assert ended.code == 2
    assert "--help" in ended.err
    assert "Traceback" not in ended.err


def test_a_mistyped_folder_does_not_become_an_installation(tmp_path: Path) -> None:
    ended = typed("account", "list", "--data", str(tmp_path / "nowhere"))
    assert ended.code == 1
    assert f"pronghorn up --data {tmp_path / 'nowhere'}" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_its_secret_does_not_get_another(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pronghorn.db").write_bytes((cli.data / "pronghorn.db").read_bytes())
    ended = typed("account", "list", "--data", str(tmp_path))
    assert ended.code == 1
    assert "PRONGHORN_SECRET" in ended.err
    assert not (tmp_path / "secret").exists()


def test_nothing_is_made_with_another_secret_than_the_servers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRONGHORN_SECRET", "another-secret-of-some-length")
    assert "is not the one that sealed it" in cli.refused("account", "create", "Team A")


def test_a_database_without_tables_is_to_be_migrated(tmp_path: Path) -> None:
    (tmp_path / "pronghorn.db").touch()
    (tmp_path / "secret").write_text("0123456789abcdef")
    ended = typed("account", "list", "--data", str(tmp_path))
    assert ended.code == 1
    assert "`pronghorn migrate`" in ended.err
    assert typed("migrate", "--data", str(tmp_path)).code == 0
    assert typed("account", "list", "--data", str(tmp_path)).code == 0


def test_a_file_that_is_no_database_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "pronghorn.db").write_text("this is not a database" * 100)
    (tmp_path / "secret").write_text("0123456789abcdef")
    ended = typed("account", "list", "--data", str(tmp_path))
    assert ended.code == 1
    assert "restore it from a backup" in ended.err
    assert "Traceback" not in ended.err


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_text("prot = 8500\n")
    ended = typed("account", "list", "--config", str(config))
    assert ended.code == 1
    assert "prot" in ended.err


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_has_help(word: str) -> None:
    ended = typed(word, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: pronghorn {word}" in ended.out
    assert ended.out.count("\n") > 5
