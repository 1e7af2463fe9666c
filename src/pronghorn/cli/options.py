"""The options that the commands which start processes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from pronghorn import settings as settings_module
from pronghorn.errors import PronghornError
from pronghorn.settings import Settings, SettingsError

Host = Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")]
PortNumber = Annotated[int | None, typer.Option(help="Port to listen on (8400); 0 takes a free one.")]
Data = Annotated[Path | None, typer.Option(help="Folder for database, journal and secret (data).")]
Config = Annotated[Path | None, typer.Option(help="A pronghorn.toml.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://user@host/name")]


def load(config: Path | None, **overrides: Any) -> Settings:
    """The settings, or a message with the way out and exit code 1."""
    with failures():
        return settings_module.load(config, **overrides)


def of_child(settings: Settings, config: Path | None) -> list[str]:
    """The options of a child process on the same installation; `environment_for` has what is secret."""
    return ["--data", str(settings.data), *(() if config is None else ("--config", str(config)))]


@contextmanager
def failures() -> Iterator[None]:
    """What keeps a process from starting ends it with a message that says the way out."""
    try:
        yield
    except PronghornError as error:
        fail(error.message)
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(
        f"Error: {message}", style="red"
    )
    raise typer.Exit(1)
