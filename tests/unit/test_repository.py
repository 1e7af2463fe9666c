"""What the house promises a newcomer: two commands, floors that the documents show, locks, READMEs that agree."""

import ast
import re
import stat
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pronghorn"
READMES = ("README.md", "README.zh.md")
SCREEN = 35
"""Lines that are seen without scrolling."""


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def floors() -> list[str]:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [name for layer in layers for name in layer.split(" | ")]


@pytest.mark.parametrize("readme", READMES)
def test_the_first_screen_has_the_two_commands_and_the_first_call(readme: str) -> None:
    screen = "\n".join(text(readme).splitlines()[:SCREEN])
    for wanted in ("make run", "make test", "curl http://127.0.0.1:8400/v1/chat/completions", "sk-test"):
        assert wanted in screen
    assert {"make setup", "pip install", "docker"}.isdisjoint(
        re.findall(r"make setup|pip install|docker", screen)
    )


def test_make_has_the_targets_that_are_promised() -> None:
    targets = re.findall(r"^([a-z-]+):", text("Makefile"), re.M)
    assert {"setup", "run", "test", "test-nightly", "check", "lock", "bench"} <= set(targets)


def test_ci_calls_make_and_nothing_cleverer() -> None:
    script = ROOT / ".ci" / "run"
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make check test"]
    assert script.stat().st_mode & stat.S_IXUSR


def test_check_runs_every_guard() -> None:
    recipe = text("Makefile").partition("\ncheck:")[2].partition("\n\n")[0]
    for guard in ("ruff format --check .", "ruff check .", "mypy", "lint-imports", "$(PYTEST) -q tests/unit"):
        assert guard in recipe


def test_types_are_strict_in_package_and_tests() -> None:
    mypy = tomllib.loads(text("pyproject.toml"))["tool"]["mypy"]
    assert mypy["strict"] is True
    assert {"src", "tests"} <= {part.partition("/")[0] for part in mypy["files"]}


def test_every_folder_has_a_floor_and_the_documents_show_it() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert set(floors()) == folders | modules
    table = re.findall(r"^\| \d+ \| (.+?) \|", text("docs/en/architecture.md"), re.M)
    shown = {
        name.rstrip("/").removesuffix(".py") for row in table for name in re.findall(r"`([\w./]+)`", row)
    }
    assert shown == set(floors())


def test_the_sandbox_shares_no_code_with_what_it_checks() -> None:
    """It imports itself and words without business, nothing else of ours, wherever the import stands."""
    foreign = set()
    for path in sorted((SOURCE / "sandbox").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            ours = [name.split(".") for name in names if name.split(".")[0] == "pronghorn"]
            foreign |= {(path.name, ".".join(name)) for name in ours if name[1] not in ("sandbox", "kit")}
    assert foreign == set()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_everything_that_is_installed_is_pinned_with_a_hash(lock: str) -> None:
    wanted = [part for part in text(lock).split("\n") if part and not part.startswith((" ", "#"))]
    assert len(wanted) > 20
    for line in wanted:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^ ]+( ; .+)? \\$", line), line
    entries = re.split(r"\n(?=[A-Za-z0-9])", text(lock))
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.split("\n")[0])


def test_the_two_readmes_show_the_same_examples() -> None:
    fence = re.compile(r"^(<!-- tested -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)

    def examples(name: str) -> list[tuple[str, str]]:
        """Those that are tested, without comments and without what is said in either language."""
        found = [(match[2], match[3]) for match in fence.finditer(text(name)) if match[1]]
        return [(kind, re.sub(r"#.*|[^\x00-\x7f]+|Hello!|first money", "", code)) for kind, code in found]

    assert examples("README.md") == examples("README.zh.md")
    assert text("README.md").count("\n## ") == text("README.zh.md").count("\n## ")


@pytest.mark.parametrize("index", ["docs/en/README.md", "docs/zh/README.md"])
def test_the_index_leads_to_every_page(index: str) -> None:
    pages = {path.name for path in (ROOT / "docs" / "en").glob("*.md")} - {"README.md"}
    linked = set(re.findall(r"\]\((?:\.\./en/)?([\w-]+\.md)\)", text(index)))
    assert pages <= linked


def test_the_licence_is_apache() -> None:
    assert "Apache License" in text("LICENSE") and "Version 2.0" in text("LICENSE")
    assert tomllib.loads(text("pyproject.toml"))["project"]["license"] == "Apache-2.0"
