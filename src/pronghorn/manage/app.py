"""The management API as an ASGI application that serves `/manage/...`."""

import re
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
_TYPE = re.compile(r":\w+\}")


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
        [v1, openapi.serve],
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
        headers = list(message.get("headers", []))
        if scope.get("method") == "OPTIONS":
            headers = [*(pair for pair in headers if pair[0] != b"allow"), (b"allow", _methods(scope))]
        message["headers"] = [
            *headers,
            (b"x-request-id", problems.request_id(scope).encode()),
            (b"cache-control", b"no-store"),
        ]


def _methods(scope: Scope) -> bytes:
    """All methods of a path: Litestar's own answer knows those of the handler that came first."""
    template = scope.get("path_template")
    routes = scope["litestar_app"].route_handler_method_map.items()
    return ", ".join(
        sorted({m for path, on in routes if _TYPE.sub("}", path) == template for m in on})
    ).encode()
