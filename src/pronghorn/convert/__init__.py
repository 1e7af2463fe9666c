"""Pure translation between the dialects: one canonical turn in the middle, no pairs. Lossless or loud."""

import importlib
import pkgutil
from functools import cache

from pronghorn.convert.dialect import Dialect

__all__ = ["Dialect", "load"]


@cache
def load() -> dict[str, Dialect]:
    """Every dialect by the name of the endpoint that speaks it. Found by walking this folder: a package each."""
    found: dict[str, Dialect] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            dialect: Dialect = importlib.import_module(f"{__name__}.{info.name}").dialect
            found[dialect.name] = dialect
    return found
