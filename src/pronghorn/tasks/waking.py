"""Waking: a vendor says that there is news of a task. It is not believed, only looked at sooner, once a second at most.

Whoever says it, how often and in which order: the task's row bounds what comes of it, on all servers together.
"""

from sqlalchemy import text, update

from pronghorn.store import Tx
from pronghorn.store.models import Task
from pronghorn.tasks.asking import LOOKING, SUBMITTING
from pronghorn.tasks.repository import CLAIM_MS, SUBMIT_MS

EVERY_MS = 1_000
BUSY_MS = int(min(CLAIM_MS - LOOKING.total * 1000, SUBMIT_MS - SUBMITTING.total * 1000))
"""Whose next look is farther away than this may be with somebody who is looking at it or submitting it."""
_OPEN = text("finished_ms IS NULL")


async def wake(tx: Tx, task_id: str, now_ms: int, upstream_id: str | None) -> None:
    """Look at it at the next full second: two looks are a second apart, however many ask for them.

    Who is busy with it is not disturbed: a look that is always taken over by the next one never ends. The vendor's
    id is taken where ours is unknown, and no look made of that: the server that submits it may yet hear the answer.
    """
    at_ms = (now_ms // EVERY_MS + 1) * EVERY_MS
    this = (Task.id == task_id, _OPEN)
    later = (Task.upstream_id.is_not(None), Task.due_ms > at_ms, Task.due_ms <= now_ms + BUSY_MS)
    await tx.execute(update(Task).where(*this, *later).values(due_ms=at_ms))
    if upstream_id:
        unknown = (*this, Task.upstream_id.is_(None))
        await tx.execute(update(Task).where(*unknown).values(upstream_id=upstream_id))
