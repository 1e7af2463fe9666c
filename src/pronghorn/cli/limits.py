"""The options for limits, alike for accounts, groups, channels and keys: of something new, and of a change."""

from typing import Annotated, TypeVar

import msgspec
import typer

from pronghorn.errors import BadRequest
from pronghorn.manage.services.limits import NAMES, LimitsChange

_MOST = 2**31 - 1

Rpm = Annotated[int | None, typer.Option(min=1, max=_MOST, help="Requests a minute.")]
Tpm = Annotated[int | None, typer.Option(min=1, max=_MOST, help="Tokens a minute.")]
Concurrency = Annotated[int | None, typer.Option(min=1, max=_MOST, help="Requests at one time.")]
BodyBytes = Annotated[
    int | None, typer.Option(min=1, max=2**53 - 1, help="Request bodies in flight, in bytes.")
]

NewRpm = Annotated[str | None, typer.Option(help="Requests a minute, or `none`.")]
NewTpm = Annotated[str | None, typer.Option(help="Tokens a minute, or `none`.")]
NewConcurrency = Annotated[str | None, typer.Option(help="Requests at one time, or `none`.")]
NewBodyBytes = Annotated[str | None, typer.Option(help="Request bodies in flight, in bytes, or `none`.")]

Change = TypeVar("Change", bound=LimitsChange)


def change(kind: type[Change], **texts: str | None) -> Change:
    """What was typed, as a change; `none` clears a limit, what was not typed stays. Raises `BadRequest`."""
    given = {name: None if text == "none" else text for name, text in texts.items() if text is not None}
    if not given:
        raise BadRequest(f"give at least one of {', '.join(map(_option, NAMES))}")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise BadRequest(
            f"{_option(name)} takes a whole number from 1 on, or `none` for no limit, not {given[name]!r}"
        ) from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
