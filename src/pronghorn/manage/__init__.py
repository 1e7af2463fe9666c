"""The management API under `/manage`: accounts, keys, channels, prices, usage, and the first start of an installation.

`services` hold the work (each takes an open transaction and never commits), `routes` the HTTP doors; the command
line uses the same services. A write is one transaction with its audit row.
"""

from typing import TYPE_CHECKING, Any

from pronghorn.manage.context import ManageContext

if TYPE_CHECKING:
    from pronghorn.manage.app import create_app

__all__ = ["ManageContext", "create_app"]


def __getattr__(name: str) -> Any:
    """Litestar takes half a second to import, and the command line uses the services without it."""
    if name == "create_app":
        from pronghorn.manage.app import create_app

        return create_app
    raise AttributeError(name)
