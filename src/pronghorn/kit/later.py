"""Modules that are imported when they are first used: some cost tens of megabytes that most processes never need.

The usual `import` stays under `if TYPE_CHECKING`, so that types are known; this object stands in its place at run time.
"""

import importlib
from typing import Any


class Later:
    """Stands for the module `name` and imports it when the first attribute is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
