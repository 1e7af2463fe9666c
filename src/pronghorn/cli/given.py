"""Given: what was typed, as what the services take: in the bounds of the management API, or refused in its words."""

import sys
from importlib import import_module
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from pronghorn.errors import BadRequest

T = TypeVar("T", bound=msgspec.Struct)

CLEAR = "none"
"""Typed for a value that is to go."""


def new(kind: type[T], **typed: Any) -> T:
    """None is what was not typed: the default holds. Raises `BadRequest`."""
    return _checked(kind, {name: value for name, value in typed.items() if value is not None})


def change(kind: type[T], **typed: Any) -> T:
    """None is what was not typed: it stays; `none` clears what can be cleared. Raises `BadRequest`."""
    values = {name: value for name, value in typed.items() if value is not None}
    if not values:
        raise BadRequest("give at least one thing to change; --help lists the options")
    hints = get_type_hints(kind)
    for name, value in values.items():
        if value in (CLEAR, [CLEAR]) and type(None) in get_args(hints[name]):
            values[name] = None
    return _checked(kind, values)


def from_stdin(*, is_line: bool = False) -> str:
    """For secrets: other users can read a command line."""
    try:
        text = sys.stdin.readline().rstrip("\n") if is_line else sys.stdin.read()
        text.encode()  # in the C locale, bytes that are no text come in as lone surrogates
    except UnicodeError as error:
        raise BadRequest("standard input is not UTF-8 text") from error
    return text


def _checked(kind: type[T], values: dict[str, Any]) -> T:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        # The web framework comes with it, and only a mistake needs it.
        message, param = import_module("pronghorn.manage.body").explain(str(error))
        raise BadRequest(message, param=param) from error
