"""`pronghorn doctor` and the commands that ask the running server: what they say, and what they end with."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commanding import Cli, typed
from tests.process import Installation

from pronghorn.sandbox.bedrock.signature import ACCESS_KEY, SECRET_KEY

CANARY = "sk-canary-90d1c7aa52"


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A sandbox of its own, which fails as a model's name says."""
    command = [sys.executable, "-m", "pronghorn", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().rstrip(".\n").rpartition(" ")[2]
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, vendor: str) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("doctor")).start()
    new: dict[str, Any] = {"vendor": "openai", "base_url": vendor, "credentials": [f"{CANARY}-1"]}
    for name, model in (("good", "gpt-4o-mini"), ("twin", "gpt-4o-mini"), ("twin", "gpt-4o-mini")):
        installation.manage("POST", "/channels", new | {"name": name, "models": [model]})
    yield installation
    installation.close()


@pytest.fixture
def bad(running: Installation, vendor: str) -> Iterator[str]:
    """The id of a channel that is refused with each of its two credentials."""
    new = {"name": "bad", "vendor": "openai", "base_url": vendor, "models": {"house": "sandbox-401"}}
    made = running.manage("POST", "/channels", new | {"credentials": [f"{CANARY}-2", f"{CANARY}-3"]})
    yield made["id"]
    running.manage("DELETE", f"/channels/{made['id']}")


@pytest.fixture
def cli(running: Installation) -> Iterator[Cli]:
    cli = Cli(running.folder / "data")
    yield cli
    assert all(CANARY not in text for text in cli.shown)


@pytest.fixture
def still(template: Path, tmp_path: Path) -> Path:
    """A data folder on which nothing runs."""
    return shutil.copytree(template, tmp_path / "data")


def findings(cli: Cli) -> dict[str, tuple[str, str]]:
    """State and message of each line, by its subject."""
    return {one["what"]: (one["state"], one["message"]) for one in cli.json("doctor")}


def failed(data: Path, *words: str) -> tuple[str, str]:
    """The one line that fails, its subject and message; with exit code 1."""
    ended = typed("doctor", "--data", str(data), *words)
    lines = [line.split(maxsplit=1)[1] for line in ended.out.splitlines() if line.startswith("fail")]
    assert (ended.code, len(lines)) == (1, 1), ended
    what, _, message = lines[0].partition("  ")
    return what, message.strip()


def test_all_is_well_with_a_server_that_runs(cli: Cli) -> None:
    found = findings(cli)
    assert list(found)[:6] == ["settings", "data folder", "database", "clock", "server", "sandbox"]
    assert {state for state, _ in found.values()} == {"ok"}
    assert found["channel good"][1].startswith("1 of 1 credentials answered")
    table = cli.table("doctor")
    assert all(line.startswith("ok ") for line in table.splitlines())
    assert "Traceback" not in table


def test_a_channel_that_is_refused_fails_with_the_way_out(cli: Cli, bad: str) -> None:
    what, message = failed(cli.data)
    assert what == "channel bad"
    assert "2 of 2 credentials failed (at 0, 1)" in message
    assert f"`pronghorn channel test {bad}`" in message


def test_the_table_of_a_test_and_its_exit_code(cli: Cli, bad: str, running: Installation) -> None:
    good = cli.json("channel", "test", "good")["items"]
    assert [(row["place"], row["ok"], row["status"], row["error"]) for row in good] == [(0, True, 200, None)]
    assert "gpt-4o-mini" in cli.table("channel", "test", "good", "--model", "gpt-4o-mini")
    ended = cli.run("channel", "test", "bad")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.count("401") >= 2
    one = cli.run("channel", "test", bad, "--credential", "1", "--json")
    assert (one.code, one.out.count('"place"')) == (1, 1)
    assert "yes" in cli.table("channel", "test", "sandbox")


def test_one_bad_credential_of_a_pool_is_a_failure(cli: Cli, running: Installation, vendor: str) -> None:
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    pool = [f"{ACCESS_KEY}:{SECRET_KEY}", f"{ACCESS_KEY}:{CANARY}"]
    new = {"name": "mixed", "vendor": "bedrock", "base_url": vendor, "models": {"mixed": model}}
    made = running.manage("POST", "/channels", new | {"credentials": pool})
    ended = cli.run("channel", "test", "mixed", "--json")
    assert (ended.code, [row["ok"] for row in json.loads(ended.out)["items"]]) == (1, [True, False])
    what, message = failed(cli.data)
    assert (what, "1 of 2 credentials failed (at 1)" in message) == ("channel mixed", True)
    running.manage("DELETE", f"/channels/{made['id']}")


def test_health_stands_in_the_list_and_a_reset_clears_it(cli: Cli, bad: str, running: Installation) -> None:
    cli.run("channel", "test", "bad")
    table = cli.table("channel", "list")
    assert "2 of 2 credentials closed: refused" in table
    assert "health" in table
    assert cli.json("channel", "list") == running.manage("GET", "/channels")
    cursor = cli.json("channel", "list", "--limit", "1")["next"]
    second = cli.json("channel", "list", "--limit", "1", "--cursor", cursor)
    assert second == running.manage("GET", f"/channels?limit=1&cursor={cursor}")
    shown = cli.json("channel", "show", "bad")
    assert shown == running.manage("GET", f"/channels/{bad}") == cli.json("channel", "show", bad)
    assert [way["cause"] for way in shown["health"]["credentials"]] == ["refused", "refused"]
    assert cli.json("channel", "reset", "bad")["health"]["summary"] == "ok"
    assert "closed" not in cli.table("channel", "list")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "`pronghorn channel list`"),
        (("twin",), "2 channels are called 'twin'"),
        (("good", "--model", "other"), "gpt-4o-mini"),
        (("good", "--credential", "3"), "0 to 0"),
    ],
)
def test_what_cannot_be_tested_is_refused(cli: Cli, words: tuple[str, ...], said: str) -> None:
    assert said in cli.refused("channel", "test", *words)


def test_without_the_first_token_a_command_makes_one_for_itself_and_removes_it(
    tmp_path_factory: pytest.TempPathFactory, vendor: str
) -> None:
    installation = Installation(tmp_path_factory.mktemp("revoked"), "--no-sandbox").start()
    try:
        cli = Cli(installation.folder / "data")
        new = {"name": "c", "vendor": "openai", "base_url": vendor, "models": ["gpt-4o-mini"]}
        installation.manage("POST", "/channels", new | {"credentials": [CANARY]})
        (first,) = cli.json("token", "list")["items"]
        cli.table("token", "revoke", first["id"])
        assert [row["ok"] for row in cli.json("channel", "test", "c")["items"]] == [True]
        assert cli.json("token", "list")["items"] == []
        found = findings(cli)
        assert found["channel c"][0] == "ok"
        assert found["sandbox"] == ("warn", found["sandbox"][1])
        assert "--no-sandbox" in found["sandbox"][1]
    finally:
        installation.close()
    assert not (installation.folder / "data" / "address").exists()
    assert findings(cli)["server"][0] == "warn"


def test_without_a_server_it_says_so_and_looks_at_the_rest(still: Path) -> None:
    found = findings(Cli(still))
    assert list(found) == ["settings", "data folder", "database", "clock", "server"]
    state, message = found.pop("server")
    assert (state, f"pronghorn up --data {still}" in message) == ("warn", True)
    assert {state for state, _ in found.values()} == {"ok"}
    assert "pronghorn up" in Cli(still).refused("channel", "test", "sandbox")


def test_an_address_that_a_killed_server_left_behind_counts_for_nothing(still: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    for left in (f"{gone.pid} http://127.0.0.1:9", "", "nonsense"):
        (still / "address").write_text(left)
        state, message = findings(Cli(still))["server"]
        assert (state, message.startswith("not running")) == ("warn", True)


def test_a_server_that_lives_and_does_not_answer_fails(still: Path) -> None:
    (still / "address").write_text(f"{os.getpid()} http://127.0.0.1:9")
    what, message = failed(still)
    assert (what, "does not answer at http://127.0.0.1:9" in message) == ("server", True)
    assert Cli(still).json("channel", "list")["items"] == []


def test_settings_that_cannot_be_read_are_the_only_line(still: Path, tmp_path: Path) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_text("prot = 1")
    what, message = failed(still, "--config", str(config))
    assert (what, "prot" in message) == ("settings", True)


def test_a_folder_without_an_installation(tmp_path: Path) -> None:
    what, message = failed(tmp_path / "nowhere")
    assert (what, "pronghorn up" in message) == ("installation", True)


def _execute(data: Path, statement: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(data / "pronghorn.db")) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.parametrize(("at", "way"), [("0001", "`pronghorn migrate`"), ("9999", "newer version")])
def test_a_database_of_another_version(still: Path, at: str, way: str) -> None:
    _execute(still, "UPDATE alembic_version SET version_num = ?", at)
    what, message = failed(still)
    assert (what, at in message, way in message) == ("database", True, True)


def test_a_database_that_is_none(still: Path) -> None:
    for file in still.glob("pronghorn.db*"):
        file.unlink()
    (still / "pronghorn.db").write_bytes(b"no database at all" * 100)
    assert failed(still)[0] == "database"


def test_a_secret_that_is_not_the_one(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONGHORN_SECRET", "another-secret-of-some-length")
    what, message = failed(still)
    assert (what, "PRONGHORN_SECRET" in message) == ("database", True)


def test_a_clock_that_lies_before_what_was_recorded(still: Path) -> None:
    later_ms = 4_000_000_000_000
    values = (later_ms, "cli", "account.create", "acc_1", "{}")
    columns = "created_ms, actor, action, subject, detail"
    _execute(still, f"INSERT INTO audits ({columns}) VALUES (?, ?, ?, ?, ?)", *values)
    what, message = failed(still)
    assert (what, "2096" in message, "NTP" in message) == ("clock", True, True)


def test_a_data_folder_that_cannot_be_written(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even root writes there."""
    monkeypatch.setenv("PRONGHORN_SECRET", (still / "secret").read_text())
    database = f"sqlite:///{still / 'pronghorn.db'}"
    what, message = failed(Path("/proc/self"), "--database-url", database)
    assert (what, "--data" in message) == ("data folder", True)
