"""The management API as an ASGI application that serves `/manage/...`."""

from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import Message, Scope

from pronghorn.errors import PronghornError
from pronghorn.manage import openapi, problems
from pronghorn.manage.body import Body
from pronghorn.manage.context import ManageContext
from pronghorn.manage.routes import HANDLERS
from pronghorn.manage.routes.given import DEPENDENCIES, refuse_unknown_query, require_admin

MAX_BODY_BYTES = 4 * 1024 * 1024


def create_app(context: ManageContext) -> Litestar:
    """Needs no lifespan events: it opens nothing of its own."""
    exception_handlers: dict[int | type[Exception], Any] = {
        PronghornError: problems.render,
        HTTPException: problems.render_http,
        Exception: problems.render_bug,
    }
    v1 = Router(
        "/manage/v1",
        route_handlers=HANDLERS,
        guards=[require_admin, refuse_unknown_query],
        dependencies=DEPENDENCIES,
        dto=Body,
        return_dto=None,
    )
    return Litestar(
        [v1],
        state=State({"context": context}),
        openapi_config=openapi.config(),
        exception_handlers=exception_handlers,
        before_send=[_stamp],
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
    )


async def _stamp(message: Message, scope: Scope) -> None:
    """Each answer has its id, and no cache keeps what may hold a secret."""
    if message["type"] == "http.response.start":
        message["headers"] = [
            *message.get("headers", []),
            (b"x-request-id", problems.request_id(scope).encode()),
            (b"cache-control", b"no-store"),
        ]
