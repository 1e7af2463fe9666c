"""The command as a process of its own, and beside a gateway that runs."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commanding import Cli
from tests.process import Installation

from pronghorn import __version__
from pronghorn.cli import COMMANDS

SEEN_S = 10.0


def _run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pronghorn", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)


def test_the_version_is_said() -> None:
    ended = _run("--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"pronghorn {__version__}\n", "")


def test_help_lists_every_command() -> None:
    ended = _run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(word in ended.stdout for word in COMMANDS)


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_only_talks_loads_nothing_heavy(word: str) -> None:
    program = (
        "import sys\n"
        "from pronghorn.cli import main\n"
        f"sys.argv = ['pronghorn', {word!r}]\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(*sys.modules, sep=',', file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"sqlalchemy", "litestar", "alembic", "msgspec", "uvicorn", "aiohttp", "cryptography", "asyncio"}
    assert heavy & set(ended.stderr.strip().split(",")) == set()


def test_a_narrow_terminal_folds_what_is_long_but_never_what_names_a_row(cli: Cli) -> None:
    made = cli.json("account", "create", "An account with a long name, which takes more than one line")
    cli.json("price", "set", "house", "--input", "0.123456", "--output", "0.654321", "--note", "long " * 40)
    assert made["id"] in _on_terminal("account", "list", "--data", str(cli.data), columns=60)
    shown = _on_terminal("price", "show", "house", "--data", str(cli.data), columns=60)
    assert "0.654321" in re.sub(r"[\s│]", "", shown)


def _on_terminal(*words: str, columns: int) -> str:
    """What a terminal of that width shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    command = [sys.executable, "-m", "pronghorn", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("running")).start()
    yield installation
    installation.close()


def test_a_running_gateway_sees_a_new_key_and_the_log_is_the_management_apis(running: Installation) -> None:
    cli = Cli(running.folder / "data")
    account = cli.json("account", "create", "Team A")["id"]
    made = cli.json("key", "create", "laptop", "--account", account, "--test")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    deadline = time.monotonic() + SEEN_S
    while running.call("POST", "/v1/chat/completions", body, made["key"])[0] == 401:
        assert time.monotonic() < deadline
    while not (rows := running.all_requests(key_id=made["id"], end_reason="ok")):
        assert time.monotonic() < deadline
    assert cli.json("request", "list", "--key-id", made["id"])["items"] == rows
    assert cli.json("request", "show", rows[0]["id"]) == rows[0]
    assert cli.json("request", "list", "--mode", "live", "--account-id", account)["items"] == []


def test_companions_are_out_of_reach_of_a_ctrl_c_but_not_in_a_session_of_their_own(
    running: Installation,
) -> None:
    server = running.pid
    companions = [pid for pid in _processes() if _parent(pid) == server]
    assert len(companions) >= 2
    assert {os.getsid(pid) for pid in companions} == {os.getsid(server)}
    assert os.getpgid(server) not in {os.getpgid(pid) for pid in companions}


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _parent(pid: int) -> int:
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended meanwhile
