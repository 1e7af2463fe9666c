"""Ending: a task ends once, whoever comes first: poll, callback, cancellation or deadline. Money moves with it.

State, hold, log row and what is to be told are one transaction: all of it has happened, or nothing.
"""

from typing import Any

import msgspec
import structlog
from sqlalchemy import update

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import deliveries
from pronghorn.kit.money import format_usd
from pronghorn.ledger import holds
from pronghorn.ledger.pots import dialect_insert
from pronghorn.ledger.prices import explain
from pronghorn.store import Tx
from pronghorn.store.models import Key, Request, Task
from pronghorn.tasks import repository
from pronghorn.tasks.family import Family
from pronghorn.tasks.links import Links
from pronghorn.tasks.view import View, sealed
from pronghorn.vendors.task import State

TIMEOUT = "timeout"
log = structlog.get_logger()
_END_REASONS = {"succeeded": "ok", "failed": "upstream_error", "cancelled": "client_gone"}


async def end(
    tx: Tx,
    view: View,
    family: Family,
    state: State,
    *,
    links: Links,
    vault: Secrets,
    now_ms: int,
    reason: str = "",
    fence: int | None = None,
    data: Any = None,
    is_charged: bool | None = None,
) -> bool:
    """False: it had ended before, or was taken by somebody else (with a `fence`): nothing was changed.

    `data`: the vendor's last word, if there is a newer one than in `view`. `is_charged`: by default what succeeded.
    """
    bill = view.job.bill
    is_charged = state == "succeeded" if is_charged is None else is_charged
    cost = bill.charge if is_charged else 0
    view.state, view.reason, view.finished_ms, view.cost = state, reason, now_ms, cost
    view.percent = 100 if state == "succeeded" else view.percent
    view.data = view.data if data is None else data
    values = {
        "state": state,
        "reason": reason,
        "percent": view.percent,
        "finished_ms": now_ms,
        "cost": cost,
        "data": sealed(view.data, vault) if view.data is not None else "",
    }
    if not await repository.end(tx, view.id, fence, values):
        return False
    if cost and not await holds.post(tx, view.request_id, cost, now_ms=now_ms):
        # Its hold was given back, since it looked like a dialog: nothing can be charged any more.
        log.error("task.not_charged", task=view.id, amount=cost)
        cost = view.cost = 0
        await tx.execute(update(Task).where(Task.id == view.id).values(cost=0))
    if cost:
        await tx.execute(update(Key).where(Key.id == view.key_id).values(spent=Key.spent + cost))
    else:
        await holds.void(tx, view.request_id, now_ms=now_ms)
    # A dialog that nobody answered has its row already: opening it was a request of its own, which cost nothing.
    await tx.execute(dialect_insert(tx)(Request).values(_row(view, now_ms)).on_conflict_do_nothing())
    await repository.note_parts(tx, view.account_id, view.mode, view.id, family.parts(view.data))
    await tell(tx, view, family, links, vault, now_ms)
    return True


async def tell(tx: Tx, view: View, family: Family, links: Links, vault: Secrets, now_ms: int) -> None:
    """The caller's callback in the family's words; the account's webhook in ours, once it is over."""
    if view.job.callback:
        body = msgspec.json.encode(family.shown(view, links.of(view.id)))
        await deliveries.queue_callback(
            tx,
            vault,
            account_id=view.account_id,
            subject=view.id,
            kind=f"task.{view.state}",
            url=view.job.callback,
            body=body,
            now_ms=now_ms,
        )
    if view.is_over:
        facts = {
            "id": view.id,
            "vendor": view.family,
            "action": view.action,
            "status": view.state,
            "reason": view.reason,
            "cost_usd": format_usd(view.cost),
        }
        await deliveries.queue_event(
            tx,
            account_id=view.account_id,
            subject=view.id,
            kind=f"task.{view.state}",
            data=facts,
            now_ms=now_ms,
        )


def _row(view: View, now_ms: int) -> dict[str, Any]:
    """Of the usage log: a task has one, written when it ends."""
    bill = view.job.bill
    return {
        "id": view.request_id,
        "created_ms": view.created_ms,
        "mode": view.mode,
        "account_id": view.account_id,
        "key_id": view.key_id,
        "group_name": bill.group,
        "endpoint": bill.endpoint,
        "model": view.model,
        "upstream_model": bill.upstream_model or None,
        "channel_id": view.channel_id,
        "is_stream": False,
        "status": 200,
        "end_reason": "upstream_timeout" if view.reason == TIMEOUT else _END_REASONS[view.state],
        "finish": None,
        "error": view.reason[:300],
        "usage": {"input": 0, "output": 0, "calls": 1, "kind": bill.kind},
        "hold": bill.charge,
        "cost": view.cost,
        "first_byte_ms": None,
        "duration_ms": min(now_ms - view.created_ms, 2**31 - 1),
        "upstream_request_id": (view.upstream_id or "")[:200] or None,
        "client_ip": bill.client_ip,
        "attempts": view.attempts,
        "explain": explain(bill.lines, bill.factor_ppm) if view.cost else [],
        "posted_ms": now_ms,
    }
