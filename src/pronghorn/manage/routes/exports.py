"""Exports: files of any length, sent while they are made."""

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from pronghorn.commerce import exports
from pronghorn.commerce.exports import Format, Kind
from pronghorn.manage.context import ManageContext
from pronghorn.manage.fields import Mode
from pronghorn.manage.routes.given import Context
from pronghorn.manage.routes.usage import From, To

_TAGS = ["exports"]
ForExcel = Annotated[
    bool, QueryParameter(description="Begin a CSV with a byte order mark, as Excel needs it.")
]


@get("/export/requests", operation_id="exportRequests", summary="Download the usage log", tags=_TAGS)
async def export_requests(
    context: Context,
    format: FromQuery[Format] = "csv",
    from_: From = None,
    to: To = None,
    account_id: FromQuery[str | None] = None,
    mode: FromQuery[Mode] = "live",
    excel: ForExcel = False,
) -> Stream:
    return await _sent(context, "requests", format, from_, to, account_id, mode, excel)


@get("/export/entries", operation_id="exportEntries", summary="Download ledger entries", tags=_TAGS)
async def export_entries(
    context: Context,
    format: FromQuery[Format] = "csv",
    from_: From = None,
    to: To = None,
    account_id: FromQuery[str | None] = None,
    mode: FromQuery[Mode] = "live",
    excel: ForExcel = False,
) -> Stream:
    return await _sent(context, "entries", format, from_, to, account_id, mode, excel)


@get("/export/usage", operation_id="exportUsage", summary="Download usage by the hour", tags=_TAGS)
async def export_usage(
    context: Context,
    format: FromQuery[Format] = "csv",
    from_: From = None,
    to: To = None,
    account_id: FromQuery[str | None] = None,
    mode: FromQuery[Mode] = "live",
    excel: ForExcel = False,
) -> Stream:
    return await _sent(context, "usage", format, from_, to, account_id, mode, excel)


async def _sent(
    context: ManageContext,
    kind: Kind,
    format: Format,
    from_: str | None,
    to: str | None,
    account_id: str | None,
    mode: Mode,
    for_excel: bool,
) -> Stream:
    export = exports.asked(kind, format, from_, to, account_id, mode, for_excel, context.now_ms)
    pieces = exports.pieces(context.read, export)
    # What is wrong with the database shows at the first piece, while there can still be another status.
    first = await anext(pieces)
    headers = {"content-disposition": f'attachment; filename="{export.file_name}"'}
    return Stream(_joined(first, pieces), media_type=exports.MEDIA_TYPES[format], headers=headers)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


handlers = [export_requests, export_entries, export_usage]
