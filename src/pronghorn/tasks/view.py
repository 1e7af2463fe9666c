"""View: a task as whoever may see it sees it, with what was sealed opened."""

from collections.abc import Callable
from typing import Any

import msgspec

from pronghorn.accounts.secrets import Secrets
from pronghorn.tasks.job import Job
from pronghorn.vendors.task import ENDED, State

Link = Callable[[str, str], str]
"""(name, a vendor's address) to the address that a caller gets; the name is the same whenever it is asked."""


class View(msgspec.Struct, kw_only=True):
    id: str
    family: str
    action: str
    account_id: str
    mode: str
    key_id: str
    model: str
    request_id: str
    channel_id: str
    credential: str
    upstream_id: str | None
    parent_id: str | None
    label: str
    state: State
    percent: int
    reason: str
    job: Job
    data: Any
    cost: int
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    deadline_ms: int
    fence: int
    polls: int
    attempts: list[Any]

    @property
    def is_over(self) -> bool:
        return self.state in ENDED


def opened(row: Any, vault: Secrets) -> View:
    """Of a row of `tasks`. Raises `SecretError` if another secret sealed it."""
    return View(
        id=row.id,
        family=row.family,
        action=row.action,
        account_id=row.account_id,
        mode=row.mode,
        key_id=row.key_id,
        model=row.model,
        request_id=row.request_id,
        channel_id=row.channel_id,
        credential=row.credential,
        upstream_id=row.upstream_id,
        parent_id=row.parent_id,
        label=row.label or "",
        state=row.state,
        percent=row.percent,
        reason=row.reason,
        job=msgspec.msgpack.decode(vault.open_bytes(row.request), type=Job),
        data=msgspec.msgpack.decode(vault.open_bytes(row.data)) if row.data else None,
        cost=row.cost,
        created_ms=row.created_ms,
        started_ms=row.started_ms,
        finished_ms=row.finished_ms,
        deadline_ms=row.deadline_ms,
        fence=row.fence,
        polls=row.polls,
        attempts=row.attempts,
    )


def sealed(value: Any, vault: Secrets) -> str:
    return vault.seal_bytes(msgspec.msgpack.encode(value))
