"""Modules and objects that are made when they are first used: some cost megabytes that most processes never need.

For a module the usual `import` stays under `if TYPE_CHECKING`, so that types are known; a `Later` stands in its place
at run time.
"""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Later:
    """Stands for the module `name` and imports it when the first attribute is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


class OnDemand(Generic[T]):
    """What `build` gives, built when it is first asked for, in a thread, while others are served."""

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._built: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """A build that failed is tried again by the next who asks."""
        if self._built is None:
            self._built = asyncio.get_running_loop().create_task(asyncio.to_thread(self._build))
        built = self._built
        try:
            return await asyncio.shield(built)
        except Exception:
            if self._built is built:
                self._built = None
            raise
