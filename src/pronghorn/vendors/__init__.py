"""Vendors, one module each: how to ask it and where. Found by walking this folder; no list names them."""

import importlib
import pkgutil
from functools import cache

from pronghorn.vendors.base import TURNS, Bearer, ChatVendor, Header, TokenExchange, Unsigned

__all__ = ["TURNS", "Bearer", "ChatVendor", "Header", "TokenExchange", "Unsigned", "load"]


@cache
def load() -> dict[str, ChatVendor]:
    """Every vendor by its name. Raises `RuntimeError` if two have one name."""
    found: dict[str, ChatVendor] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        vendor = getattr(module, "vendor", None)
        if vendor is None:
            continue
        if vendor.name in found:
            raise RuntimeError(f"two vendors are called {vendor.name!r}")
        found[vendor.name] = vendor
    return found
