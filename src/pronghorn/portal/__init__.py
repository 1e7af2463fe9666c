"""What the public reaches beside the models: the dashboard API of other gateways (`/api`), payments (`/pay`)."""

from importlib import import_module
from typing import Any

from pronghorn.portal.context import PortalContext

__all__ = ["PortalContext", "create_app"]


def create_app(context: PortalContext) -> Any:
    """The ASGI application for both. Heavy: what it needs is imported by the first call."""
    return import_module("pronghorn.portal.app").create_app(context)
