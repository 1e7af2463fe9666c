"""Tasks: long jobs at media vendors, as the operator sees them. What was asked for and what was made stays sealed."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Select, select

from pronghorn.accounts.act import Act
from pronghorn.errors import NotFound
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Mode, Note, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.manage.services import requests
from pronghorn.store import Tx
from pronghorn.store import models as table
from pronghorn.tasks import refunding
from pronghorn.tasks.service import Tasks
from pronghorn.vendors.task import State

Status = State
FILTERS = {
    "account_id": table.Task.account_id,
    "key_id": table.Task.key_id,
    "vendor": table.Task.family,
    "status": table.Task.state,
    "channel": table.Task.channel_id,
    "action": table.Task.action,
    "mode": table.Task.mode,
    "parent_id": table.Task.parent_id,
}
SEALED = ("request", "data")


class Refund(Struct, forbid_unknown_fields=True):
    note: Annotated[Note, Meta(description="Why; it stands on the ledger's entry and in the audit.")] = ""


class TaskRecord(Struct):
    """One task, from its submission on."""

    id: str
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    deadline_at: Time
    """When it fails if it has not ended by then."""
    account_id: str
    key_id: str
    mode: Mode
    vendor: str
    action: str
    model: str
    status: Status
    progress: int
    reason: str
    """Why it failed."""
    channel: str
    upstream_id: str | None
    """The vendor's own name for it; null until the vendor has taken it."""
    parent_id: str | None
    label: str | None
    request_id: str
    """Of its submission, and of its row in the usage log once it has ended."""
    hold_usd: Usd
    """What was set aside for it."""
    held_usd: Usd
    """What is set aside now."""
    cost_usd: Usd
    refunded_usd: Usd
    has_callback: bool
    """Whether the caller wants to be told."""
    attempts: list[dict[str, Any]]
    """Who was asked until somebody took it."""


class TaskDetail(TaskRecord):
    explain: list[dict[str, Any]]
    """How the cost came about; empty while the task runs, and where it cost nothing."""


def _selected() -> Select[Any]:
    """A task with its hold and its refund; without what is sealed."""
    task = table.Task
    return (
        select(
            *[column for column in task.__table__.columns if column.name not in SEALED],
            table.Hold.amount.label("hold"),
            table.Hold.state.label("hold_state"),
            table.Entry.amount.label("refunded"),
        )
        .outerjoin(table.Hold, table.Hold.id == task.request_id)
        .outerjoin(table.Entry, refunding.is_refund_of_task())
    )


def view(row: Any) -> TaskRecord:
    return TaskRecord(**_facts(row))


def _facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": fields.time_text(row.created_ms),
        "started_at": fields.maybe_time(row.started_ms),
        "finished_at": fields.maybe_time(row.finished_ms),
        "deadline_at": fields.time_text(row.deadline_ms),
        "account_id": row.account_id,
        "key_id": row.key_id,
        "mode": row.mode,
        "vendor": row.family,
        "action": row.action,
        "model": row.model,
        "status": row.state,
        "progress": row.percent,
        "reason": row.reason,
        "channel": row.channel_id,
        "upstream_id": row.upstream_id,
        "parent_id": row.parent_id,
        "label": row.label,
        "request_id": row.request_id,
        "hold_usd": format_usd(row.hold or 0),
        "held_usd": format_usd(row.hold if row.hold_state == "pending" else 0),
        "cost_usd": format_usd(row.cost),
        "refunded_usd": format_usd(row.refunded or 0),
        "has_callback": row.has_callback,
        "attempts": row.attempts,
    }


async def get(tx: Tx, task_id: str) -> TaskDetail:
    row = await _find(tx, task_id)
    logged = (await tx.execute(select(table.Request).where(table.Request.id == row.request_id))).one_or_none()
    return TaskDetail(**_facts(row), explain=[] if logged is None else requests.view(logged).explain)


async def page(tx: Tx, part: Window, filters: dict[str, str | None]) -> Page[TaskRecord]:
    statement = matching(_selected(), *((FILTERS[name], value) for name, value in filters.items()))
    return await fetch(tx, statement, table.Task.created_ms, table.Task.id, part, view)


async def refund(tx: Tx, act: Act, task_id: str, wanted: Refund) -> TaskDetail:
    """The task as it is then; a second time nothing more happens."""
    await refunding.refund(tx, act, await _find(tx, task_id), wanted.note)
    return await get(tx, task_id)


async def cancel(tasks: Tasks, task_id: str) -> bool:
    """Whether it is cancelled now. Opens its own transactions, since none stays open while a vendor is asked."""
    found = await tasks.find(task_id)
    if found is None:
        raise _unknown(task_id)
    return (await tasks.cancel(found)).state == "cancelled"


async def _find(tx: Tx, task_id: str) -> Any:
    row = (await tx.execute(_selected().where(table.Task.id == task_id))).one_or_none()
    if row is None:
        raise _unknown(task_id)
    return row


def _unknown(task_id: str) -> NotFound:
    return NotFound(f"there is no task {task_id!r}; GET /manage/v1/tasks lists them")
