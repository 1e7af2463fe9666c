"""Exports: files of any length, sent while they are made."""

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from pronghorn.commerce import exports
from pronghorn.commerce.exports import Format, Kind
from pronghorn.manage.fields import Mode
from pronghorn.manage.routes.given import Context
from pronghorn.manage.routes.usage import From, To

_TAGS = ["exports"]
ForExcel = Annotated[
    bool, QueryParameter(description="Begin a CSV with a byte order mark, as Excel needs it.")
]


def _export(kind: Kind, what: str) -> HTTPRouteHandler:
    @get(f"/export/{kind}", operation_id=f"export{kind.title()}", summary=f"Download {what}", tags=_TAGS)
    async def export(
        context: Context,
        format: FromQuery[Format] = "csv",
        from_: From = None,
        to: To = None,
        account_id: FromQuery[str | None] = None,
        mode: FromQuery[Mode] = "live",
        excel: ForExcel = False,
    ) -> Stream:
        asked = exports.asked(kind, format, from_, to, account_id, mode, excel, context.now_ms)
        pieces = exports.pieces(context.read, asked)
        # What is wrong with the database shows at the first piece, while there can still be another status.
        first = await anext(pieces)
        headers = {"content-disposition": f'attachment; filename="{asked.file_name}"'}
        return Stream(_joined(first, pieces), media_type=exports.MEDIA_TYPES[format], headers=headers)

    return export


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


handlers = [
    _export("requests", "the usage log"),
    _export("entries", "ledger entries"),
    _export("usage", "usage by the hour"),
]
