"""Given: what Litestar hands to the handlers, and the types by which they ask for it."""

from pathlib import Path
from typing import Annotated, Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, PathParameter, QueryParameter, SkipValidation
from litestar.typing import FieldDefinition

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, Unauthenticated
from pronghorn.manage import paging
from pronghorn.manage.context import ManageContext
from pronghorn.manage.paging import DEFAULT_LIMIT, MAX_LIMIT, Window
from pronghorn.manage.services import tokens

Context = NamedDependency[SkipValidation[ManageContext]]
Actor = NamedDependency[SkipValidation[Act]]
Part = NamedDependency[SkipValidation[Window]]
PathName = Annotated[Path, PathParameter(description="May hold `/`, as it is or percent-encoded.")]

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_admin(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Runs before anything of the request is read."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.startswith("pht-"):
        raise Unauthenticated(
            "the management API needs an admin token: Authorization: Bearer pht-...; "
            "make one with `pronghorn token create`",
            code="invalid_token",
        )
    context: ManageContext = connection.app.state.context
    async with context.read() as tx:
        connection.scope["user"] = await tokens.user_of(tx, context.secrets, token)


async def refuse_unknown_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """A filter with a typing error would list everything instead; of one given twice, one would not count."""
    fields = handler.parsed_fn_signature.parameters.values()
    parameters = {_query_name(field) for field in fields if not _is_header(field)}
    known = parameters - {*DEPENDENCIES, *connection.path_params, "data", "request"}
    if "part" in parameters:
        known |= {"cursor", "limit", "since", "until"}
    for name, values in connection.query_params.dict().items():
        if name not in known:
            takes = f"this route takes {', '.join(sorted(known)) or 'none'}"
            raise BadRequest(f"{name}: there is no such query parameter; {takes}", param=name)
        if len(values) > 1:
            raise BadRequest(f"{name}: give this query parameter once", param=name)


def _is_header(field: FieldDefinition) -> bool:
    return isinstance(field.kwarg_definition, HeaderParameter)


def _query_name(field: FieldDefinition) -> str:
    """As callers spell it: some names are taken by Litestar itself."""
    return getattr(field.kwarg_definition, "name", None) or field.name


async def _context(request: Request[Any, Any, Any]) -> ManageContext:
    context: ManageContext = request.app.state.context
    return context


async def _act(request: Request[Any, Any, Any]) -> Act:
    return Act(f"user:{request.scope['user']}", request.app.state.context.now_ms)


async def _part(
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    since: Annotated[str | None, QueryParameter(description="ISO 8601; inside of what is listed.")] = None,
    until: Annotated[str | None, QueryParameter(description="ISO 8601; outside of what is listed.")] = None,
) -> Window:
    return paging.window(cursor, limit, since, until)


DEPENDENCIES = {"context": Provide(_context), "act": Provide(_act), "part": Provide(_part)}


def name_of(path: Path) -> str:
    """A name that was the rest of the path."""
    return path.as_posix().removeprefix("/")
