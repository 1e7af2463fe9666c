"""Monthly statements of accounts."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from pronghorn.commerce.statement_words import Language
from pronghorn.commerce.statements import statement
from pronghorn.manage.fields import Mode
from pronghorn.manage.routes.given import Context
from pronghorn.manage.routes.usage import TimeZone
from pronghorn.manage.services import statements
from pronghorn.manage.services.statements import AccountStatement, Format

Month = Annotated[
    str | None, QueryParameter(description="Such as 2026-11; without it, the last one that is over.")
]

HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""A statement holds names that others chose; should one ever get through, nothing of it runs."""


@get(
    "/accounts/{account_id:str}/statement",
    operation_id="getStatement",
    summary="Make the statement of a month",
    tags=["accounts"],
)
async def show(
    context: Context,
    account_id: FromPath[str],
    month: Month = None,
    time_zone: TimeZone = "UTC",
    format: FromQuery[Format] = "json",
    language: FromQuery[Language] = "en",
    mode: FromQuery[Mode] = "live",
) -> Response[AccountStatement]:
    async with context.read() as tx:
        made = await statement(tx, account_id, month, time_zone, mode, context.now_ms)
    if format == "json":
        return Response(statements.view(made))
    content: Any = await statements.rendered(made, format, language)
    name = statements.file_name(made, format)
    headers = {"content-disposition": f'inline; filename="{name}"', **HEADERS}
    return Response(content, media_type=statements.MEDIA_TYPES[format], headers=headers)


handlers = [show]
