"""Act: who changes something and when. Each change leaves an audit row in its own transaction."""

from typing import Any, NamedTuple

from sqlalchemy import insert

from pronghorn.store import Tx
from pronghorn.store.models import Audit


class Act(NamedTuple):
    actor: str
    """`user:<id>`, `cli` or `system`."""
    now_ms: int

    async def record(self, tx: Tx, action: str, subject: str, **detail: Any) -> None:
        """`detail` says what changed; it never holds a secret."""
        await tx.execute(
            insert(Audit).values(
                created_ms=self.now_ms, actor=self.actor, action=action, subject=subject, detail=detail
            )
        )
