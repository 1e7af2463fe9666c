"""The documents agree with the code: settings, commands, errors, links, examples."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from pronghorn.cli import COMMANDS
from pronghorn.errors import PronghornError
from pronghorn.settings import ENVIRONMENT_PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "en"
NOT_OURS = frozenset(("node_modules", "data", "dist", "build", "results"))

_FENCE = re.compile(r"^(?P<tested><!-- tested -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)
_INLINE_CODE = re.compile(r"`[^`\n]*`")


class Example(NamedTuple):
    where: str
    language: str
    code: str


def pages() -> list[Path]:
    """All markdown of the repository, without what tools left behind."""
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith(".")]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(found)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def prose_of(page: Path) -> str:
    """Without code, whose brackets are no links."""
    return _INLINE_CODE.sub("", _FENCE.sub("", text_of(page)))


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them: lower case, punctuation gone, blanks to hyphens."""
    headings = _HEADING.findall(_FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def marked_examples() -> list[Example]:
    return [
        Example(f"{name_of(page)}-{number}", match["language"], match["code"])
        for page in pages()
        for number, match in enumerate(_FENCE.finditer(text_of(page)), 1)
        if match["tested"]
    ]


def as_toml(value: object) -> str:
    if isinstance(value, Path):
        value = str(value)
    return msgspec.json.encode(value).decode()


def kinds_of(error: type[PronghornError]) -> list[type[PronghornError]]:
    return [error, *(kind for child in error.__subclasses__() for kind in kinds_of(child))]


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_setting_is_documented_with_its_default(field: msgspec.structs.FieldInfo) -> None:
    variable = ENVIRONMENT_PREFIX + field.name.upper()
    row = f"\n| `{field.name}` | `{as_toml(field.default)}` | `{variable}` | "
    assert row in text_of(DOCS / "settings.md"), f"docs/en/settings.md needs the row {row.strip()} ..."


def test_no_setting_is_documented_that_is_gone() -> None:
    documented = re.findall(rf"`{ENVIRONMENT_PREFIX}(\w+)`", text_of(DOCS / "settings.md"))
    assert {name.lower() for name in documented} <= set(Settings.__struct_fields__)


@pytest.mark.parametrize("word", COMMANDS)
def test_command_is_mentioned(word: str) -> None:
    assert any(re.search(rf"\bpronghorn {word}\b", text_of(page)) for page in pages())


@pytest.mark.parametrize("word", sorted({kind.code for kind in kinds_of(PronghornError)}))
def test_error_code_is_documented(word: str) -> None:
    row = rf"^\| \d{{3}} \| `{word}` \|"
    assert re.search(row, text_of(DOCS / "errors.md"), re.M), f"docs/en/errors.md needs a row for `{word}`"


@pytest.mark.parametrize("reason", sorted({kind.end_reason for kind in kinds_of(PronghornError)}))
def test_end_reason_is_documented(reason: str) -> None:
    table = text_of(DOCS / "errors.md").partition("## How a request ended")[2].partition("\n## ")[0]
    assert re.search(rf"^\| .*`{reason}`.* \|", table, re.M), f"docs/en/errors.md needs `{reason}`"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.finditer(prose_of(page)):
        path, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link["target"])
    assert broken == []


@pytest.mark.parametrize("example", marked_examples(), ids=lambda example: example.where)
def test_example_is_well_formed(example: Example) -> None:
    if example.language == "python":
        compile(example.code, example.where, "exec")
    else:
        assert example.language == "bash", "only bash and python can be tested"
        checked = subprocess.run(["bash", "-n"], input=example.code, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
