"""What each dialect can say, as the tables of the documents: made of the dialects' own data and nothing else."""

from collections.abc import Iterable

from pronghorn.convert import load
from pronghorn.convert.dialect import Dialect
from pronghorn.convert.turn import Turn

ORDER = ("chat", "responses", "messages", "generate")
TITLES = {
    "chat": "OpenAI chat",
    "responses": "OpenAI Responses",
    "messages": "Anthropic Messages",
    "generate": "Gemini generateContent",
}
DROPPED = "dropped"
OWN = frozenset({"foreign"})
"""What every dialect takes of its own and none of another."""
FIELDS = [name for name in Turn.__struct_fields__ if name not in ("at", "unknown")]


def fields_table() -> str:
    """A row for each field of a request, and in it the name that each dialect has for it."""
    dialects = _dialects()
    rows = ([f"`{field}`", *(_field(dialect, field) for dialect in dialects)] for field in FIELDS)
    return _table("field", dialects, rows)


def parts_table() -> str:
    """A row for each part of a message."""
    dialects = _dialects()
    names = sorted(frozenset[str]().union(*(dialect.parts for dialect in dialects)) - OWN)
    rows = ([f"`{name}`", *(_part(dialect, name) for dialect in dialects)] for name in names)
    return _table("part", dialects, rows)


def limits_table() -> str:
    """The patterns that names and ids are made to fit."""
    dialects = _dialects()
    rows = [
        ["name of a tool", *(_pattern(dialect.tool_name) for dialect in dialects)],
        ["id of a tool's call", *(_pattern(dialect.call_id) for dialect in dialects)],
    ]
    return _table("pattern", dialects, rows)


def _dialects() -> list[Dialect]:
    known = load()
    return [known[name] for name in ORDER if name in known]


def _field(dialect: Dialect, field: str) -> str:
    if field not in dialect.carries:
        return DROPPED
    words = dialect.fields[field]
    is_remark = " " in words.replace(", ", ",") or words == "always"
    return words if is_remark else ", ".join(f"`{name}`" for name in words.split(", "))


def _part(dialect: Dialect, name: str) -> str:
    return "yes" if name in dialect.parts else DROPPED


def _pattern(found: str) -> str:
    return f"`{found.removeprefix('^').removesuffix('$')}`"


def _table(corner: str, dialects: list[Dialect], rows: Iterable[list[str]]) -> str:
    head = [corner, *(f"{TITLES[dialect.name]} (`{dialect.name}`)" for dialect in dialects)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
