"""The rows of `tasks`: found, taken, moved on. Each function takes an open transaction.

Whoever changes an open task has taken it before, or guards the change by what it saw; an ended task never changes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, text, update

from pronghorn.ledger.pots import dialect_insert
from pronghorn.store import Tx
from pronghorn.store.models import Task, TaskPart

_COLUMNS = tuple(Task.__table__.columns)
_OPEN = text("finished_ms IS NULL")
"""As it stands in the index."""
MAX_LISTED = 1_000
MAX_ID_CHARACTERS = 400
SUBMIT_MS = 150_000
"""Longer than any vendor may take to accept: after that the server that asked is taken to be dead."""
CLAIM_MS = 60_000
"""How long a task is taken for: longer than one look takes."""


def is_id(upstream_id: str) -> bool:
    """Can be kept as a vendor's id, so that the task can be asked after."""
    return 0 < len(upstream_id) <= MAX_ID_CHARACTERS


def is_text(name: str) -> bool:
    """Can be looked for: not every database knows the other ones, and none has a row of that name."""
    return "\0" not in name


async def add(tx: Tx, values: dict[str, Any]) -> None:
    await tx.execute(insert(Task).values(values))


async def remove(tx: Tx, task_id: str) -> bool:
    """One that no vendor has taken: it never was. False: a vendor says that it has, so it goes on."""
    untaken = (Task.id == task_id, Task.upstream_id.is_(None), _OPEN)
    return bool((await tx.execute(delete(Task).where(*untaken))).rowcount)


async def forget(tx: Tx, before_ms: int, limit: int) -> int:
    """Delete some that ended before then, with what they made. Gives how many that were."""
    old = select(Task.id).where(Task.finished_ms < before_ms, Task.created_ms < before_ms).limit(limit)
    return (await tx.execute(delete(Task).where(Task.id.in_(old)))).rowcount


async def find(tx: Tx, task_id: str) -> Row[Any] | None:
    return (await tx.execute(select(*_COLUMNS).where(Task.id == task_id))).one_or_none()


async def own(tx: Tx, account_id: str, mode: str, ids: Sequence[str]) -> list[Row[Any]]:
    """Those of `ids` that belong to this account."""
    wanted = [one for one in ids if is_text(one)][:MAX_LISTED]
    mine = (Task.account_id == account_id, Task.mode == mode, Task.id.in_(wanted))
    return list(await tx.execute(select(*_COLUMNS).where(*mine)))


async def claim(tx: Tx, now_ms: int, until_ms: int, limit: int) -> list[Row[Any]]:
    """Take what is due until `until_ms`: whoever took it before changes nothing any more."""
    due = select(Task.id).where(_OPEN, Task.due_ms <= now_ms).order_by(Task.due_ms).limit(limit)
    taken = (
        update(Task)
        .where(Task.id.in_(due.with_for_update(skip_locked=True)))
        .values(due_ms=until_ms, fence=Task.fence + 1)
        .returning(*_COLUMNS)
    )
    return list(await tx.execute(taken))


async def count_due(tx: Tx, now_ms: int) -> int:
    """1 if there is any."""
    due = select(Task.id).where(_OPEN, Task.due_ms <= now_ms).limit(1)
    return int(await tx.scalar(due) is not None)


async def count_open(tx: Tx) -> int:
    return await tx.scalar(select(func.count()).select_from(Task).where(_OPEN)) or 0


async def take(tx: Tx, task_id: str, state: str, until_ms: int) -> int | None:
    """Take one that is in `state`. Gives the fence; None: it is not, or not any more."""
    taken = (
        update(Task)
        .where(Task.id == task_id, Task.state == state, _OPEN)
        .values(due_ms=until_ms, fence=Task.fence + 1)
        .returning(Task.fence)
    )
    return await tx.scalar(taken)


async def change(tx: Tx, task_id: str, fence: int, values: dict[str, Any]) -> bool:
    """False: somebody else has it, or it has ended."""
    mine = (Task.id == task_id, Task.fence == fence, _OPEN)
    return bool((await tx.execute(update(Task).where(*mine).values(values))).rowcount)


async def look_again(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Of many at once: nothing is new. Each row: `id`, `fence`, `due_ms`, `polls`, `lost`."""
    if rows:
        await tx.execute(_LOOK_AGAIN, rows)


_LOOK_AGAIN = text(
    "UPDATE tasks SET due_ms = :due_ms, polls = :polls, lost = :lost "
    "WHERE id = :id AND fence = :fence AND finished_ms IS NULL"
)


async def move_on(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Of many at once: they go on, and nobody has to be told. Each row has the columns of `_MOVE_ON`."""
    if rows:
        await tx.execute(_MOVE_ON, rows)


_MOVE_ON = text(
    "UPDATE tasks SET due_ms = :due_ms, polls = :polls, lost = :lost, state = :state, percent = :percent, "
    "started_ms = :started_ms, data = :data, digest = :digest "
    "WHERE id = :id AND fence = :fence AND finished_ms IS NULL"
)


async def end(tx: Tx, task_id: str, fence: int | None, values: dict[str, Any]) -> bool:
    """The one way out. False: it had ended, or somebody else has it."""
    mine: list[Any] = [Task.id == task_id, _OPEN]
    if fence is not None:
        mine.append(Task.fence == fence)
    return bool((await tx.execute(update(Task).where(*mine).values(values))).rowcount)


async def note_parts(tx: Tx, account_id: str, mode: str, task_id: str, names: Sequence[str]) -> None:
    for name in names:
        values = {"account_id": account_id, "mode": mode, "name": name[:200], "task_id": task_id}
        await tx.execute(dialect_insert(tx)(TaskPart).values(values).on_conflict_do_nothing())


async def claim_part(tx: Tx, account_id: str, mode: str, task_id: str, name: str) -> bool:
    """False: another task makes it, or has made it."""
    values = {"account_id": account_id, "mode": mode, "name": name[:200], "task_id": task_id}
    insert_ = dialect_insert(tx)(TaskPart).values(values)
    in_vain = select(Task.id).where(Task.finished_ms.is_not(None), Task.state != "succeeded")
    claimed = insert_.on_conflict_do_update(
        index_elements=[TaskPart.account_id, TaskPart.mode, TaskPart.name],
        set_={"task_id": task_id},
        where=TaskPart.task_id.in_(in_vain),
    )
    return bool((await tx.execute(claimed)).rowcount)


async def task_of_part(tx: Tx, account_id: str, mode: str, name: str) -> Row[Any] | None:
    if not is_text(name):
        return None
    part = (TaskPart.account_id == account_id, TaskPart.mode == mode, TaskPart.name == name)
    found = select(*_COLUMNS).join(TaskPart, TaskPart.task_id == Task.id).where(*part)
    return (await tx.execute(found)).one_or_none()


async def list_own(
    tx: Tx,
    account_id: str | None,
    mode: str | None,
    *,
    family: str | None = None,
    action: str | None = None,
    parent_id: str | None = None,
    states: Sequence[str] = (),
    label: str | None = None,
    before: tuple[int, str] | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
    offset: int = 0,
    limit: int = 50,
) -> list[Row[Any]]:
    """Newest first. `before`: the creation time and id of the last one of the page before."""
    if not all(is_text(one) for one in (action, parent_id, label) if one is not None):
        return []
    given = (
        (Task.account_id, account_id),
        (Task.mode, mode),
        (Task.family, family),
        (Task.action, action),
        (Task.parent_id, parent_id),
    )
    where: list[Any] = [column == value for column, value in given if value is not None]
    if label is not None:
        where.append(Task.label == label)
    if states:
        where.append(Task.state.in_(states))
    if since_ms is not None:
        where.append(Task.created_ms >= since_ms)
    if until_ms is not None:
        where.append(Task.created_ms < until_ms)
    if before is not None:
        at, id = before
        where.append((Task.created_ms < at) | ((Task.created_ms == at) & (Task.id < id)))
    listed = select(*_COLUMNS).where(*where).order_by(Task.created_ms.desc(), Task.id.desc())
    return list(await tx.execute(listed.offset(offset).limit(min(limit, MAX_LISTED))))
