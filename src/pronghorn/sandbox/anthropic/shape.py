"""Shapes of JSON and how Anthropic complains about them: `messages.0.content.0.text.text: Field required`.

A check takes a value and its path; it raises `SandboxError` or is silent. Optional fields may be null.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pronghorn.sandbox.errors import SandboxError

Check = Callable[[Any, str], None]


def refuse(path: str, complaint: str) -> SandboxError:
    return SandboxError(f"{path}: {complaint}")


def anything(value: Any, path: str) -> None:
    """Never complains."""


def text(least: int = 0, most: int | None = None, pattern: str = "") -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise refuse(path, "Input should be a valid string")
        if len(value) < least:
            raise refuse(path, f"String should have at least {least} character{'s' * (least > 1)}")
        if most is not None and len(value) > most:
            raise refuse(path, f"String should have at most {most} characters")
        if pattern and re.fullmatch(pattern, value) is None:
            raise refuse(path, f"String should match pattern '^{pattern}$'")

    return check


def number(low: float | None = None, high: float | None = None, *, is_whole: bool = False) -> Check:
    def check(value: Any, path: str) -> None:
        is_number = isinstance(value, int) or (not is_whole and isinstance(value, float))
        if not is_number or isinstance(value, bool):
            raise refuse(path, f"Input should be a valid {'integer' if is_whole else 'number'}")
        if low is not None and value < low:
            raise refuse(path, f"Input should be greater than or equal to {low}")
        if high is not None and value > high:
            raise refuse(path, f"Input should be less than or equal to {high}")

    return check


def flag(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise refuse(path, "Input should be a valid boolean")


def mapping(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise refuse(path, "Input should be a valid dictionary")


def one_of(*allowed: str) -> Check:
    def check(value: Any, path: str) -> None:
        if value not in allowed:
            names = [f"'{name}'" for name in allowed]
            wanted = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
            raise refuse(path, f"Input should be {wanted}")

    return check


def listing(item: Check, most: int | None = None) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise refuse(path, "Input should be a valid list")
        if most is not None and len(value) > most:
            raise refuse(path, f"List should have at most {most} items after validation, not {len(value)}")
        for index, part in enumerate(value):
            item(part, f"{path}.{index}")

    return check


def text_or(other: Check) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            other(value, path)

    return check


def record(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *, is_open: bool = False
) -> Check:
    """An object with these fields; others are refused unless it is open."""
    known = {**required, **(optional or {})}

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise refuse(path, "Input should be a valid dictionary or object to extract fields from")
        prefix = f"{path}." if path else ""
        for name in required:
            if name not in value:
                raise refuse(prefix + name, "Field required")
        for name, field in value.items():
            if name not in known:
                if is_open:
                    continue
                raise refuse(prefix + name, "Extra inputs are not permitted")
            if field is not None or name in required:
                known[name](field, prefix + name)

    return check


def tagged(options: Mapping[str, Check], default: str | None = None) -> Check:
    """An object whose `type` says which of the options it is; the path of what is inside tells the type too."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise refuse(path, "Input should be a valid dictionary or object to extract fields from")
        tag = value.get("type") or default
        if tag is None:
            raise refuse(f"{path}.type", "Field required")
        if not isinstance(tag, str) or tag not in options:
            expected = ", ".join(f"'{name}'" for name in options)
            raise refuse(
                path,
                f"Input tag '{tag}' found using 'type' does not match any of the expected tags: {expected}",
            )
        options[tag](value, f"{path}.{tag}")

    return check
