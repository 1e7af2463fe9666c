"""The Anthropic dialect: messages with all their blocks and events, counting of tokens, models."""

from aiohttp import web

from pronghorn.sandbox.anthropic import messages, models
from pronghorn.sandbox.anthropic.calls import dialect

__all__ = ["dialect", "routes"]

routes: list[web.RouteDef] = [*messages.routes, *models.routes]
