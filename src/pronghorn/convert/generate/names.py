"""Objects whose members may be written in camelCase or snake_case, both in one body: they are asked for in camelCase.

Paths keep the spelling that the caller used.
"""

import math
import re
from typing import Any

from pronghorn.convert.fields import Fields, Json

_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_AS_ASKED: dict[str, str] = {}
"""Of an object whose members all are in camelCase, as nearly always; never changed."""


def camel(name: str) -> str:
    """`name` itself unless it is in snake_case: as in Google's own parser, no third spelling means the same."""
    if _SNAKE.fullmatch(name) is None:
        return name
    head, *rest = name.split("_")
    return head + "".join([word[:1].upper() + word[1:] for word in rest])


class Named(Fields):
    __slots__ = ("_written",)

    def __init__(self, value: Any, at: str) -> None:
        super().__init__(value, at)
        self._written = _AS_ASKED
        if "_" in "".join(self.members):
            folded: Json = {}
            self._written = {}
            for name, member in value.items():
                known = camel(name)
                if folded.get(known) is None:
                    folded[known] = member
                    self._written[known] = name
            self.members = folded

    def path(self, name: str) -> str:
        return f"{self.at}.{self._written.get(name, name)}"

    def nested(self, name: str) -> "Named | None":
        value = self.take(name)
        return None if value is None else Named(value, self.path(name))

    def has(self, name: str) -> bool:
        return self.members.get(name) is not None

    def many(self, name: str) -> list[tuple[Any, str]]:
        """The items of a list with their paths; one that stands alone is a list of one."""
        value, path = self.take(name), self.path(name)
        if isinstance(value, list):
            return [(item, f"{path}[{i}]") for i, item in enumerate(value)]
        return [] if value is None else [(value, path)]

    def integer(self, name: str) -> int | None:
        self._unquote(name)
        return super().integer(name)

    def number(self, name: str) -> float | None:
        self._unquote(name)
        return super().number(name)

    def _unquote(self, name: str) -> None:
        """Google lets numbers come as text."""
        value = self.members.get(name)
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                return
            if not math.isfinite(number):
                return
            self.members = self.members | {name: int(value) if value.lstrip("-").isdecimal() else number}
