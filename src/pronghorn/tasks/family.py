"""Family: a protocol of long jobs that callers speak: how its tasks look, how long they may take, what they made."""

import importlib
import pkgutil
from functools import cache
from typing import Any, Protocol

from pronghorn.tasks import families
from pronghorn.tasks.view import Link, View


class Family(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str:
        """Under which its jobs are sold."""

    @property
    def pause_s(self) -> float:
        """Between two looks at a young task."""

    @property
    def deadline_s(self) -> float:
        """So long after its submission a task has failed."""

    def new_id(self, now_ms: int) -> str:
        """In the vendor's shape; never the same twice."""

    def shown(self, view: View, link: Link) -> Any:
        """The task as a caller of this family reads it, and as its callback tells it."""

    def parts(self, data: Any) -> list[str]:
        """Names of what it made that later calls may use alone."""


@cache
def load() -> dict[str, Family]:
    """Every family by its name, found by walking their folder."""
    found: dict[str, Family] = {}
    for info in pkgutil.iter_modules(families.__path__):
        family = importlib.import_module(f"{families.__name__}.{info.name}").family
        found[family.name] = family
    return found
