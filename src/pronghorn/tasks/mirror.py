"""Mirror: copies what tasks made into the operator's store soon after they succeeded, and lets old copies go.

What is there is seen in the store itself. One worker does it at a time; where another one does it too for a moment,
a file is fetched twice and is the same.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy import BigInteger, Row, bindparam, select

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import PronghornError
from pronghorn.kit.clock import Clock
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store.models import Task
from pronghorn.tasks import media
from pronghorn.tasks.channels import Channels
from pronghorn.tasks.family import load
from pronghorn.tasks.fetching import Home, home_of
from pronghorn.tasks.links import addresses
from pronghorn.tasks.shelf import Shelf, ShelfError
from pronghorn.tasks.view import opened

EVERY_S, FORGET_EVERY_S = 3.0, 3600.0
LOOK_BACK_MS = 86_400_000
"""At its start it looks for what was left out in this time."""
LATE_MS = 60_000
"""An end may be written so long after the moment that it bears."""
AT_ONCE = 4
BATCH = 200
MOST_LISTED = 10_000
RETRIES_S = (10.0, 60.0, 300.0, 900.0, 3600.0, 3600.0, 3600.0)
DAY_S = 86_400.0

log = structlog.get_logger()


class Left(NamedTuple):
    """A task whose files could not all be copied."""

    tries: int
    due_ms: int


class Mirror:
    """One for a worker. Does nothing without the setting `media_store`."""

    def __init__(self, database: Database, vault: Secrets, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._channels = Channels(database, vault, settings.sandbox_url)
        self._shelf = Shelf(settings)
        self._families = load()
        longest_s = max(family.deadline_s for family in self._families.values())
        self._longest_ms = int(longest_s * 1000) * 2 + LATE_MS  # a dialog that is answered gets its time anew
        self._since_ms = self._now_ms() - LOOK_BACK_MS
        self._done: dict[str, int] = {}
        """Ends that were seen, and may be seen again: until they are older than that."""
        self._left: dict[str, Left] = {}
        self._forget_at_ms = 0
        self._is_ours = False

    async def run_forever(self) -> None:
        """Until cancelled."""
        if not self._settings.media_store:
            return
        while True:
            try:
                count = await self.round()
            except Exception as error:
                log.warning("mirror.round_failed", error=repr(error))
                count = 0
            if count < BATCH:
                await asyncio.sleep(EVERY_S)

    async def round(self) -> int:
        """Copy what has come since the last one, and what is due again. Gives how many tasks that were."""
        self._is_ours = self._is_ours or await self._database.claim("media mirror")
        if not self._is_ours:
            return 0
        await self._channels.refresh()
        rows = await self._due()
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._copy_all(row, gate) for row in rows))
        await self._forget()
        return len(rows)

    # What is to be copied

    async def _due(self) -> Sequence[Row[Any]]:
        now_ms = self._now_ms()
        wanted = [task_id for task_id, left in self._left.items() if left.due_ms <= now_ms][:BATCH]
        async with self._database.read() as tx:
            wanted += await self._ended(tx, now_ms)
            rows = await tx.execute(select(*_COLUMNS).where(Task.id.in_(wanted))) if wanted else ()
            return list(rows)

    async def _ended(self, tx: Tx, now_ms: int) -> list[str]:
        """Those that this worker has not seen yet; of what ended long ago it does not remember each."""
        listed = list(await tx.execute(_ENDED, {"since_ms": self._since_ms, "longest_ms": self._longest_ms}))
        fresh = [row for row in listed if row.id not in self._done][:BATCH]
        self._done |= {row.id: row.finished_ms for row in fresh}
        if all(row.id in self._done for row in listed):
            newest_ms = listed[-1].finished_ms if len(listed) == MOST_LISTED else now_ms
            self._since_ms = max(self._since_ms, min(newest_ms, now_ms - LATE_MS))
            self._done = {one: ended for one, ended in self._done.items() if ended >= self._since_ms}
        return [row.id for row in fresh]

    # Copying

    async def _copy_all(self, row: Any, gate: asyncio.Semaphore) -> None:
        """All files of one task, those that are there left out. What fails is tried again later."""
        try:
            view, home = opened(row, self._vault), home_of(self._channels.of(row))
            found = addresses(self._families[view.family], view)
            outcomes = [
                await self._copy(f"{view.id}/{name}", name, url, home, gate)
                for name, url in found.items()
                if url
            ]
        except Exception as error:
            log.warning("mirror.task_failed", task=row.id, error=repr(error))
            outcomes = [False]
        self._note(row.id, all(outcomes))

    async def _copy(self, key: str, name: str, url: str, home: Home | None, gate: asyncio.Semaphore) -> bool:
        try:
            async with gate:
                if not await self._shelf.has(key):
                    await media.copy(self._shelf, key, name, url, home, self._settings)
        except (PronghornError, ShelfError) as error:
            log.warning("mirror.not_copied", key=key, error=str(error))
            return False
        return True

    def _note(self, task_id: str, is_whole: bool) -> None:
        left = self._left.pop(task_id, Left(0, 0))
        if not is_whole and left.tries < len(RETRIES_S):
            due_ms = self._now_ms() + int(RETRIES_S[left.tries] * 1000)
            self._left[task_id] = Left(left.tries + 1, due_ms)

    # Letting go

    async def _forget(self) -> None:
        now_ms = self._now_ms()
        if now_ms < self._forget_at_ms:
            return
        self._forget_at_ms = now_ms + int(FORGET_EVERY_S * 1000)
        days = self._settings.media_keep_days
        try:
            await self._shelf.sweep()
            count = await self._shelf.forget(self._clock.now() - days * DAY_S) if days else 0
        except ShelfError as error:
            log.warning("mirror.not_forgotten", error=str(error))
            return
        if count:
            log.info("mirror.forgotten", copies=count)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


_COLUMNS = tuple(Task.__table__.columns)
_ENDED = (
    select(Task.id, Task.finished_ms)
    .where(
        # Only the creation has an index; no task lives longer than its family lets it.
        Task.created_ms
        >= bindparam("since_ms", type_=BigInteger) - bindparam("longest_ms", type_=BigInteger),
        Task.finished_ms >= bindparam("since_ms", type_=BigInteger),
        Task.state == "succeeded",
    )
    .order_by(Task.finished_ms, Task.id)
    .limit(MOST_LISTED)
)
