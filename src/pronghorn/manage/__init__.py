"""The management API under `/manage`: accounts, keys, channels, prices, usage, and the first start of an installation.

`services` hold the work (each takes an open transaction and never commits), `routes` the HTTP doors; the command
line uses the same services. A write is one transaction with its audit row.
"""

from importlib import import_module
from typing import Any

from pronghorn.manage.context import ManageContext

__all__ = ["ManageContext", "create_app"]


def create_app(context: ManageContext) -> Any:
    """The ASGI application for `/manage`. Heavy: what it needs is imported by the first call."""
    return import_module("pronghorn.manage.app").create_app(context)
