"""The portal as an ASGI application: it serves `/api/...` and `/pay/...`."""

from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Message, Scope

from pronghorn.errors import PronghornError
from pronghorn.portal import (
    answer,
    groups,
    login,
    logs,
    me,
    payments,
    pricing,
    register,
    status,
    subscriptions,
    tokens,
    top_up,
    unserved,
    usage_data,
)
from pronghorn.portal.context import PortalContext
from pronghorn.portal.desk import Desk
from pronghorn.portal.given import DEPENDENCIES

MAX_BODY_BYTES = 1024 * 1024

HANDLERS: list[HTTPRouteHandler] = [
    *groups.handlers,
    *login.handlers,
    *logs.handlers,
    *me.handlers,
    *payments.handlers,
    *pricing.handlers,
    *register.handlers,
    *status.handlers,
    *subscriptions.handlers,
    *tokens.handlers,
    *top_up.handlers,
    *unserved.handlers,
    *usage_data.handlers,
]


def create_app(context: PortalContext) -> Litestar:
    """Needs no lifespan events: it opens nothing of its own."""
    exception_handlers: dict[int | type[Exception], Any] = {
        PronghornError: answer.render,
        HTTPException: answer.render_http,
        Exception: answer.render_bug,
    }
    return Litestar(
        HANDLERS,
        state=State({"context": context, "desk": Desk(context)}),
        dependencies=DEPENDENCIES,
        openapi_config=None,
        exception_handlers=exception_handlers,
        before_send=[_stamp],
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
    )


async def _stamp(message: Message, scope: Scope) -> None:
    """Each answer has its id; no cache keeps it unless the handler says so."""
    if message["type"] != "http.response.start":
        return
    headers = list(message.get("headers", []))
    headers.append((b"x-request-id", answer.request_id(scope).encode()))
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))
    if scope["path"].startswith(answer.OPEN_TO_PAGES):
        headers.append((b"access-control-allow-origin", b"*"))
    message["headers"] = headers
