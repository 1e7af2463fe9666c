"""The HTTP doors of the management API, one noun a file: open a transaction, call a service, answer."""

from litestar.handlers import HTTPRouteHandler

from pronghorn.manage.routes import (
    accounts,
    audit,
    channels,
    entries,
    groups,
    keys,
    model_routes,
    models,
    prices,
    requests,
    tokens,
    users,
)

HANDLERS: list[HTTPRouteHandler] = [
    *accounts.handlers,
    *keys.handlers,
    *channels.handlers,
    *models.handlers,
    *prices.handlers,
    *model_routes.handlers,
    *groups.handlers,
    *requests.handlers,
    *entries.handlers,
    *users.handlers,
    *tokens.handlers,
    *audit.handlers,
]
