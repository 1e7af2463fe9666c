"""Rules of the house that ruff cannot say, as small checks of the source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pronghorn

SOURCE = Path(pronghorn.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = sorted(SOURCE.rglob("*.py"))
TIME_NAMES = ("monotonic", "time", "sleep")


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree(path)))


def where(path: Path, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
    return f"{name(path)}:{node.lineno}"


def test_every_module_says_what_it_is_for() -> None:
    wrong = [
        name(path) for path in FILES if tree(path).body and "." not in (ast.get_docstring(tree(path)) or "")
    ]
    assert wrong == []


def _is_time(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """A float that is a duration: it is named `..._S`, `..._s` or `..._ms`, or stands beside something so named."""
    at: ast.AST | None = node
    while at is not None and not isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        for inner in ast.walk(at):
            text = getattr(inner, "id", None) or getattr(inner, "attr", None) or getattr(inner, "arg", None)
            if isinstance(text, str) and text.lower().endswith(("_s", "_at", "_ms", "deadline", *TIME_NAMES)):
                return True
        at = parents.get(at)
        if isinstance(at, ast.ClassDef):
            return False
    return False


@pytest.mark.parametrize("path", sorted((SOURCE / "ledger").glob("*.py")), ids=name)
def test_money_is_never_a_float(path: Path) -> None:
    """`ledger/catalogue` reads foreign lists into decimal strings, and has tests of its own."""
    found = tree(path)
    parents = {below: node for node in ast.walk(found) for below in ast.iter_child_nodes(node)}
    wrong = []
    for node in ast.walk(found):
        is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        is_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        if (is_literal or is_call or is_division) and not _is_time(node, parents):
            if is_division and "folder" in ast.unparse(node):
                continue  # a path
            wrong.append(where(path, node))  # type: ignore[arg-type]
    assert wrong == []


def _comments(path: Path) -> set[int]:
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if "#" in line}


def _has_reason(path: Path, node: ast.stmt | ast.excepthandler) -> bool:
    """A comment on the line, above it, or in the first lines of its block; a log of the error is a reason too."""
    body: list[ast.stmt] = getattr(node, "body", [])
    lines = range(node.lineno - 1, (body[0].lineno if body else node.lineno) + 1)
    return bool(_comments(path) & set(lines))


def _handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            kind = ast.unparse(node.type) if node.type is not None else ""
            if kind in ("", "Exception", "BaseException"):
                yield node


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _logs(handler: ast.ExceptHandler) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "self.logger."))
        for node in ast.walk(handler)
    )


def test_everything_is_caught_only_to_clean_up_at_a_door_or_with_a_reason() -> None:
    """`except Exception` only at a door, in a worker loop (it logs), or to clean up and re-raise."""
    wrong = [
        where(path, handler)
        for path in FILES
        for handler in _handlers(path)
        if not (_raises_again(handler) or _logs(handler) or _has_reason(path, handler))
    ]
    assert wrong == []


def test_imports_stand_at_the_top_or_say_why_not() -> None:
    assert [place for path in FILES for place in _late_imports(path)] == []


def _late_imports(path: Path) -> Iterator[str]:
    for function in nodes(path):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and not _has_reason(path, node):
                    first = function.body[0].lineno
                    if not _comments(path) & set(range(first - 1, node.lineno + 1)):
                        yield where(path, node)


def test_a_dynamic_import_says_why() -> None:
    """By a comment, or in the docstring of its module or function."""
    assert [place for path in FILES for place in _dynamic_imports(path)] == []


def _dynamic_imports(path: Path) -> list[str]:
    explained: set[int] = set()
    for node in nodes(path):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            text = (ast.get_docstring(node) or "").lower()
            if any(word in text for word in ("import", "load", "walk")):
                explained |= {inner.lineno for inner in ast.walk(node) if hasattr(inner, "lineno")}
    return [
        where(path, node)
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None))
        in ("import_module", "__import__")
        and not _comments(path) & set(range(node.lineno - 4, node.lineno + 1))
        and node.lineno not in explained
    ]


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("requirements*")), ROOT / "pyproject.toml"], ids=lambda path: str(path.name)
)
def test_no_lock_names_where_it_was_downloaded_from(path: Path) -> None:
    """Whoever installs it chooses the index: an address of ours would be a mirror that nobody else can reach."""
    wrong = [
        f"{path.name}:{number}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "://" in line or "--index-url" in line or "--find-links" in line or " @ " in line
    ]
    assert wrong == []
