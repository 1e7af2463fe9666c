"""Whom a request is written for, by the name of a vendor whose module says how it differs."""

from typing import Any

from pronghorn import vendors
from pronghorn.convert.dialect import Target


def target(model: str, vendor: str = "", **fields: Any) -> Target:
    """Of an empty vendor nothing is known; one that has no module differs in nothing."""
    known = vendors.load()
    traits = None if not vendor else known[vendor].traits if vendor in known else frozenset[str]()
    return Target(model=model, traits=traits, **fields)
