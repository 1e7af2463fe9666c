"""Requests: the usage log, as the worker wrote it."""

from typing import Any

from msgspec import Struct
from sqlalchemy import select

from pronghorn.errors import NotFound
from pronghorn.kit.money import format_decimal, format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table

FILTERS = {
    "account_id": table.Request.account_id,
    "key_id": table.Request.key_id,
    "model": table.Request.model,
    "channel": table.Request.channel_id,
    "end_reason": table.Request.end_reason,
    "mode": table.Request.mode,
}


class RequestRecord(Struct):
    """One request that has ended."""

    id: str
    created_at: Time
    account_id: str
    key_id: str
    group: str
    mode: Mode
    endpoint: str
    model: str
    upstream_model: str | None
    channel: str | None
    stream: bool
    status: int
    """What the caller got; 0 if the caller was gone before."""
    end_reason: str
    finish: str | None
    error: str
    usage: dict[str, Any]
    """Always `input` and `output`, other counts where there are any."""
    cost_usd: Usd
    hold_usd: Usd
    shortfall_usd: Usd
    """Usage above the hold: the operator's loss."""
    first_byte_ms: int | None
    duration_ms: int
    upstream_request_id: str | None
    client_ip: str
    attempts: list[dict[str, Any]]
    explain: list[dict[str, Any]]
    """How the cost came about: units x unit_usd x factor, summed up and rounded up once."""


def view(row: Any) -> RequestRecord:
    return RequestRecord(
        id=row.id,
        created_at=fields.time_text(row.created_ms),
        account_id=row.account_id,
        key_id=row.key_id,
        group=row.group_name,
        mode=row.mode,
        endpoint=row.endpoint,
        model=row.model,
        upstream_model=row.upstream_model,
        channel=row.channel_id,
        stream=row.is_stream,
        status=row.status,
        end_reason=row.end_reason,
        finish=row.finish,
        error=row.error,
        usage={"input": 0, "output": 0} | row.usage,
        cost_usd=format_usd(row.cost),
        hold_usd=format_usd(row.hold),
        shortfall_usd=format_usd(row.shortfall),
        first_byte_ms=row.first_byte_ms,
        duration_ms=row.duration_ms,
        upstream_request_id=row.upstream_request_id,
        client_ip=row.client_ip,
        attempts=row.attempts,
        explain=[_explained(line) for line in row.explain],
    )


def _explained(line: dict[str, Any]) -> dict[str, Any]:
    """A stored line with its whole numbers as decimal strings; facts that are not numbers stay."""
    shown = {
        name: value for name, value in line.items() if name not in ("pico_usd", "factor_ppm", "nano_usd")
    }
    if "pico_usd" in line:
        shown["unit_usd"] = format_decimal(line["pico_usd"], decimals=12)
    if "factor_ppm" in line:
        shown["factor"] = fields.factor_text(line["factor_ppm"])
    if "nano_usd" in line:
        shown["usd"] = format_usd(line["nano_usd"])
    return shown


async def get(tx: Tx, request_id: str) -> RequestRecord:
    row = (await tx.execute(select(table.Request).where(table.Request.id == request_id))).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no request {request_id!r} in the log; a running one comes in when it has ended"
        )
    return view(row)


async def page(tx: Tx, part: Window, filters: dict[str, str | None]) -> Page[RequestRecord]:
    wanted = ((FILTERS[name], value) for name, value in filters.items())
    statement = matching(select(table.Request), *wanted)
    return await fetch(tx, statement, table.Request.created_ms, table.Request.id, part, view)
