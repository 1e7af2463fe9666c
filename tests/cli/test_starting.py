"""What keeps a server or a worker from starting: said in one line with the way out, and nothing is made instead."""

import asyncio
import contextlib
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from tests.cli.commanding import Ended, typed

from pronghorn.accounts.secrets import Secrets
from pronghorn.cli import listening, preparing, worker
from pronghorn.cli.explaining import CommandFailed, explained
from pronghorn.settings import Settings, SettingsError, environment_for
from pronghorn.store import Database

PASSWORD = "topsecret-5f1c"
DOWN = f"postgresql://pronghorn:{PASSWORD}@127.0.0.1:1/pronghorn"
"""Nobody listens there."""


@pytest.fixture(scope="module")
def migrated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = shutil.copytree(template, tmp_path_factory.mktemp("migrated") / "data")
    assert typed("migrate", "--data", str(data)).code == 0
    return data


@pytest.fixture
def data(migrated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(migrated, tmp_path / "data")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(*words: str, **environment: str) -> str:
    """The one message of a process that must not start."""
    ended = started(*words, **environment)
    assert ended.code == 1, ended
    assert ended.err.startswith("Error: ")
    assert ended.err.count("\n") == 1, ended.err
    return ended.err


def started(*words: str, **environment: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-m", "pronghorn", *words],
        env=environment_for(Settings()) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


PROCESSES = {
    "up": ("up", "--no-sandbox", "--port", "0"),
    "serve": ("serve", "--port", "0"),
    "worker": ("worker",),
}


@pytest.mark.parametrize("words", PROCESSES.values(), ids=PROCESSES)
def test_an_installation_that_lost_its_secret_does_not_get_another(
    data: Path, words: tuple[str, ...]
) -> None:
    (data / "secret").unlink()
    assert "PRONGHORN_SECRET" in refused(*words, "--data", str(data))
    assert not (data / "secret").exists()


@pytest.mark.parametrize("words", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize(
    ("secret", "said"),
    [("another-secret-of-some-length", "is not the one that sealed it"), ("short", "16 characters")],
)
def test_a_secret_that_is_not_the_installations(
    data: Path, words: tuple[str, ...], secret: str, said: str
) -> None:
    message = refused(*words, "--data", str(data), PRONGHORN_SECRET=secret)
    assert said in message
    assert "PRONGHORN_SECRET" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("secret", PROCESSES["worker"]),
        ("secret", ("account", "list")),
        ("server-id", PROCESSES["serve"]),
        ("server-id", PROCESSES["up"]),
        ("lock", PROCESSES["up"]),
    ],
)
def test_a_file_that_the_system_does_not_let_us_have_is_named(
    data: Path, name: str, words: tuple[str, ...]
) -> None:
    """As where root has started it once, and another user does now."""
    (data / name).unlink(missing_ok=True)
    (data / name).mkdir()
    message = refused(*words, "--data", str(data))
    assert str(data / name) in message
    assert "--data" in message


@pytest.mark.parametrize("words", [*PROCESSES.values(), ("migrate",)], ids=[*PROCESSES, "migrate"])
def test_a_database_of_a_newer_version_is_not_to_be_migrated(data: Path, words: tuple[str, ...]) -> None:
    with contextlib.closing(sqlite3.connect(data / "pronghorn.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "start that version of Pronghorn" in refused(*words, "--data", str(data))


@pytest.mark.parametrize("word", ["up", "serve"])
def test_a_database_that_fails_at_the_start_is_named(data: Path, word: str) -> None:
    with contextlib.closing(sqlite3.connect(data / "pronghorn.db")) as connection:
        connection.execute("ALTER TABLE servers RENAME TO elsewhere")
    assert "pronghorn.db" in refused(*PROCESSES[word], "--data", str(data))


@pytest.mark.parametrize("words", [*PROCESSES.values(), ("migrate",)], ids=[*PROCESSES, "migrate"])
def test_a_database_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    message = refused(*words, "--data", str(tmp_path), "--database-url", DOWN)
    assert "127.0.0.1:1/pronghorn does not answer" in message
    assert PASSWORD not in message


def test_what_the_driver_says_while_it_connects_is_passed_on() -> None:
    """It has no class of its own, as SQLAlchemy gives it."""
    found = Database(Settings(database_url=DOWN).resolved_database_url)
    with pytest.raises(CommandFailed, match='role "pronghorn" does not exist') as told, explained(found):
        raise DBAPIError(None, None, Exception('role "pronghorn" does not exist'))
    assert PASSWORD not in told.value.message


def test_a_worker_makes_nothing_where_there_is_no_installation(tmp_path: Path) -> None:
    assert "`pronghorn migrate`" in refused("worker", "--data", str(tmp_path / "mistyped"))
    assert list(tmp_path.iterdir()) == []


def test_a_worker_does_not_work_on_a_database_without_tables(tmp_path: Path) -> None:
    (tmp_path / "pronghorn.db").touch()
    assert "`pronghorn migrate`" in refused("worker", "--data", str(tmp_path))
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize("word", ["up", "serve", "migrate"])
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_folder_that_is_none(tmp_path: Path, word: str, place: str) -> None:
    (tmp_path / "file").touch()
    ended = started(word, "--data", str(tmp_path / place))
    assert (ended.code, "--data" in ended.err) == (1, True), ended


@pytest.mark.parametrize("word", ["up", "serve", "sandbox"])
def test_a_port_that_is_in_use(data: Path, word: str, taken: int) -> None:
    where = ("--data", str(data)) if word != "sandbox" else ()
    ended = started(word, "--port", str(taken), *where)
    assert ended.code == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in ended.err
    assert "--port" in ended.err


def test_a_sandbox_whose_server_ended_while_it_started_blames_no_port() -> None:
    command = [sys.executable, "-m", "pronghorn", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_process_starts_without_a_standard_error() -> None:
    command = ["sh", "-c", 'exec "$0" -m pronghorn sandbox --port 0 2>&-', sys.executable]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "listens on port" in process.stdout.readline()
        process.terminate()


async def test_a_worker_that_cannot_post_at_its_end_leaves_that_to_the_next_one(tmp_path: Path) -> None:
    segment = tmp_path / "journal" / "s1-00000001-000001.journal"
    segment.parent.mkdir()
    segment.write_bytes(b"what the database does not take")
    settings, stop = Settings(data=tmp_path), asyncio.Event()
    stop.set()
    database = Database(settings.resolved_database_url)
    try:
        await worker._work(settings, database, Secrets(["0123456789abcdef"]), stop)
    finally:
        await database.close()
    assert segment.exists()


def test_a_bootstrap_file_in_a_missing_folder(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "bootstrap.json"
    words = (*PROCESSES["up"], "--data", str(data), "--bootstrap-file", str(path))
    assert f"--bootstrap-file: {path}" in refused(*words)


def test_of_two_servers_that_start_at_once_one_has_the_port() -> None:
    with listening.bind(Settings(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
            listening.bind(Settings(port=port))


def test_what_is_secret_reaches_a_child_by_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, said = tmp_path / "program", tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$@" > {said}\necho "$PRONGHORN_DATABASE_URL" >> {said}\n')
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    assert preparing.prepare(Settings(database_url=DOWN, data=tmp_path), tmp_path / "pronghorn.toml") == 0
    arguments, url = said.read_text().splitlines()
    assert arguments == f"-m pronghorn migrate --data {tmp_path} --config {tmp_path / 'pronghorn.toml'}"
    assert url == DOWN


def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = os.umask(0o022)
    try:
        assert typed("migrate", "--data", str(data)).code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "pronghorn.db").stat().st_mode) == 0o600
