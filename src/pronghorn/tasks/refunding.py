"""Refunding: what an ended task cost goes back to its account, once, when the operator says so.

The usage log keeps what it cost; the refund is an entry of its own, from revenue. Budgets are not refilled.
"""

from typing import Any

from sqlalchemy import ColumnElement, literal

from pronghorn.accounts.act import Act
from pronghorn.errors import Conflict
from pronghorn.kit.money import format_usd
from pronghorn.ledger import repository
from pronghorn.store import Tx
from pronghorn.store.models import Entry, Task
from pronghorn.vendors.task import ENDED

KIND = "refund"


def reference(task_id: str) -> str:
    """Of the entry: its uniqueness is what makes it happen once."""
    return f"{KIND}:{task_id}"


def is_refund_of_task() -> ColumnElement[bool]:
    """Joins an entry to the row of `tasks` whose cost it gave back."""
    return Entry.reference == literal(f"{KIND}:").concat(Task.id)


async def refund(tx: Tx, act: Act, row: Any, note: str) -> bool:
    """`row`: of `tasks`. False: it was given back before. Raises `Conflict` where there is nothing to give back."""
    if row.state not in ENDED:
        raise Conflict("this task has not ended, so nothing was charged yet; cancel it", code="not_ended")
    if not row.cost:
        raise Conflict("this task cost nothing, so there is nothing to give back", code="nothing_charged")
    is_new = await repository.pay_in(
        tx,
        row.account_id,
        row.cost,
        kind=KIND,
        source="revenue",
        reference=reference(row.id),
        note=note,
        now_ms=act.now_ms,
        mode=row.mode,
    )
    if is_new:
        detail = {"account_id": row.account_id, "amount_usd": format_usd(row.cost), "note": note}
        await act.record(tx, "task.refund", row.id, **detail)
    return is_new
