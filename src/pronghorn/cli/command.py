"""Command: what all commands on an installation share: its options, how results are shown, how errors end.

A command is an async function that takes the `Installation` first and gives back what it did or found. One that
lists takes `part`: the options for it are added.
"""

import asyncio
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pronghorn.cli.installation import opened
from pronghorn.errors import BadRequest, PronghornError
from pronghorn.manage.paging import DEFAULT_LIMIT, MAX_LIMIT, window
from pronghorn.settings import SettingsError

Work = Callable[..., Awaitable[Any]]

Data = Annotated[Path | None, typer.Option(help="Folder with the database and the secret.")]
Config = Annotated[Path | None, typer.Option(help="A pronghorn.toml.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://user@host/name")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, as the management API does.")]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="How many rows.")]
Cursor = Annotated[str | None, typer.Option(help="`next` of the page before.")]
When = Annotated[str | None, typer.Option(help="ISO 8601.")]
Disabled = Annotated[bool | None, typer.Option("--disabled/--enabled")]

_WAYS_OUT = (
    (re.compile(r"GET /manage/v1/code-batches\b"), "`pronghorn code batches`"),
    (re.compile(r"GET /manage/v1/(\w+?)s\b"), r"`pronghorn \1 list`"),
    (re.compile(r"PUT /manage/v1/prices/(\S+)"), r"`pronghorn price set \1`"),
    (re.compile(r"PATCH /manage/v1/(\w+?)s/([\w-]+)"), r"`pronghorn \1 change \2`"),
    (re.compile(r"/manage/openapi\.json"), "--help"),
    (re.compile(r"`int \| null`, got `str`"), "a whole number, or `none`"),
)
_PIPE_WIDTH = 10_000
"""Columns of what is no terminal: each row on one line, whole."""
_PART: dict[str, tuple[Any, Any]] = {
    "limit": (Limit, DEFAULT_LIMIT),
    "cursor": (Cursor, None),
    "since": (When, None),
    "until": (When, None),
}
_SHARED: dict[str, tuple[Any, Any]] = {
    "data": (Data, None),
    "config": (Config, None),
    "database_url": (DatabaseUrl, None),
    "as_json": (AsJson, False),
}


class Ended(NamedTuple):
    """What a command gives back that has a result to show and another exit code than 0."""

    result: Any
    code: int


class Printed(NamedTuple):
    """What a command gives back that is text for people and other programs, and a result with `--json`."""

    result: Any
    text: str


def group(text: str) -> typer.Typer:
    app = typer.Typer(help=text, no_args_is_help=True, add_completion=False)

    @app.callback()
    def keep_as_group() -> None:
        """With one command only, typer would leave out the command's word."""

    return app


def command(app: typer.Typer, name: str, *columns: str, **settings: Any) -> Callable[[Work], Work]:
    """Register an async function as a command. `columns` are what a table of its result shows; none: all.

    `health.summary` is the member of a member, under the name of the outer one.
    """

    def register(work: Work) -> Work:
        def run(**given: Any) -> None:
            data, config, url, as_json = (given.pop(name) for name in _SHARED)

            async def carry_out() -> Any:
                _check_text(given)
                if _PART.keys() <= given.keys():
                    given["part"] = window(**{name: given.pop(name) for name in _PART})
                async with opened(data, config, url) as installation:
                    await installation.check_secret()
                    return await work(installation, **given)

            result = _run(carry_out)
            ended = result if isinstance(result, Ended) else Ended(result, 0)
            _show(ended.result, columns, as_json=as_json)
            if ended.code:
                raise typer.Exit(ended.code)

        parameters = _parameters(work)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__doc__ = work.__doc__
        app.command(name, **settings)(run)
        return work

    return register


def _parameters(work: Work) -> list[inspect.Parameter]:
    """Its own, those of the part of a list, and what all commands share."""
    own = dict(list(inspect.signature(work, eval_str=True).parameters.items())[1:])
    added = (_PART if own.pop("part", None) else {}) | _SHARED
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own.values()] + [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in added.items()
    ]


def _check_text(given: dict[str, Any]) -> None:
    """A terminal may send bytes that are no text; no column takes them."""
    try:
        msgspec.json.encode(given)
    except UnicodeEncodeError as error:
        raise BadRequest("what was typed is not UTF-8 text; set the terminal to UTF-8") from error


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return asyncio.run(work())
    except PronghornError as error:
        message = error.message
    except SettingsError as error:
        message = str(error)
    Console(stderr=True, soft_wrap=True).print(f"[red]Error:[/red] {_plain(message)}", highlight=False)
    raise typer.Exit(1)


def _plain(text: str) -> str:
    """Text that rich shows as it is, with the way out as the command line knows it."""
    for api, command_line in _WAYS_OUT:
        text = api.sub(command_line, text)
    return escape(text)


def _show(result: Any, columns: Sequence[str], *, as_json: bool) -> None:
    if isinstance(result, Printed):
        if not as_json:
            sys.stdout.write(result.text)
            return
        result = result.result
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")
        return
    found = msgspec.to_builtins(result)
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    if found is None:
        console.print("Done.")
    elif "items" in found and "next" in found:
        console.print(_rows(found["items"], columns), crop=False)
        if found["next"]:
            console.print(f"More with --cursor {found['next']}", soft_wrap=True, highlight=False)
    else:
        console.print(_facts(found), crop=False)


def _rows(items: list[dict[str, Any]], columns: Sequence[str]) -> Table:
    """What is long is folded, never cut; what names the row is not even folded: people copy it."""
    name = "id" if "id" in columns else columns[0]
    table = Table()
    for column in columns:
        cells = [_cell(_member(item, column)) for item in items]
        widest = max(map(len, cells), default=0) if column == name else None
        title = column.partition(".")[0]
        table.add_column(title, overflow="fold", min_width=widest, no_wrap=column == name)
    for item in items:
        table.add_row(*(escape(_cell(_member(item, column))) for column in columns))
    return table


def _member(item: dict[str, Any], column: str) -> Any:
    outer, _, inner = column.partition(".")
    found = item.get(outer)
    return found.get(inner) if inner and isinstance(found, dict) else found


def _facts(found: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        table.add_row(name, escape(_cell(value)))
    return table


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
