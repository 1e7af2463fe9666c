"""The engine: looks at every open task when it is due, by whichever worker takes it, until each has ended.

A task is taken for a while, by a fence that grows: a worker that slept, or was slow, changes nothing any more. What
is asked of one slow vendor keeps nobody else's tasks waiting.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog

from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.clock import Clock
from pronghorn.ledger import holds
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.tasks import asking, ending, repository
from pronghorn.tasks.channels import Channels, Where
from pronghorn.tasks.family import load
from pronghorn.tasks.links import Links
from pronghorn.tasks.looking import Looking
from pronghorn.tasks.outlook import Outlook
from pronghorn.tasks.view import opened
from pronghorn.upstream import Client
from pronghorn.vendors.task import ENDED, Progress, State

TICK_S = 0.25
CLAIM_AT_ONCE = 500
ASKS_OF_A_CHANNEL = 4
"""At the same moment."""
ASKS_AT_ONCE = 64
OUR_FAULT_MS = 3 * repository.CLAIM_MS
"""So long after its deadline a task is looked at yet where the failure is ours, such as a database that is away."""
LOST_TIMES, LOST_AFTER_MS = 4, 30_000
"""A vendor that says that it does not know a task is believed when it has said so again and again."""
FIND_FOR_MS = 120_000
"""So long is asked whether the vendor has what may have been lost on its way back."""
KEPT_MS = 30 * 24 * 3_600_000
"""An ended task; its row in the usage log stays."""
FORGET_AT_ONCE, FORGET_EVERY_MS = 500, 600_000
GONE = "its channel was removed"
UNKNOWN = "the vendor does not know this task any more"
NEVER_TAKEN = "the vendor never said that it took this task"

Moved = tuple[Any, Progress, dict[str, Any]]
"""A row, what is new of it, and its columns then."""

log = structlog.get_logger()


class Engine:
    """One for a worker."""

    def __init__(
        self,
        database: Database,
        vault: Secrets,
        settings: Settings,
        clock: Clock,
        client: Client,
        *,
        base_url: str = "",
        seed: int | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._client = client
        self._looking = Looking(client, clock)
        self._channels = Channels(database, vault, settings.sandbox_url)
        self._links = Links(vault, settings.public_url or base_url)
        self._is_reachable = bool(settings.public_url)
        self._families = load()
        self._outlook = Outlook(random.Random(seed))
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(ASKS_OF_A_CHANNEL))
        self._gate = asyncio.Semaphore(ASKS_AT_ONCE)
        self._asking: set[asyncio.Task[None]] = set()
        self._forgets_at_ms = 0

    async def run_forever(self) -> None:
        """Until cancelled."""
        try:
            while True:
                taken = 0
                try:
                    taken = await self.round()
                    await self._forget_old()
                except Exception as error:
                    log.warning("tasks.round_failed", error=repr(error))
                if taken < CLAIM_AT_ONCE:
                    await asyncio.sleep(TICK_S)
        finally:
            self.stop()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def stop(self) -> None:
        """Give up what was begun: the claims end, and somebody else looks."""
        for task in self._asking:
            task.cancel()

    async def round(self) -> int:
        """Take what is due and begin to ask after it. Gives how many that are."""
        now_ms = self._now_ms()
        await self._channels.refresh()
        async with self._database.read() as tx:
            due = await repository.count_due(tx, now_ms)
            if due:
                self._outlook.note_open(await repository.count_open(tx))
        if not due or len(self._asking) > ASKS_AT_ONCE * 4:
            return 0
        async with self._database.write() as tx:
            rows = await repository.claim(tx, now_ms, now_ms + repository.CLAIM_MS, CLAIM_AT_ONCE)
        for where, group in self._grouped(rows):
            self._begin(self._look(where, group))
        return len(rows)

    async def _forget_old(self) -> None:
        """A few at a time: nobody waits for it."""
        now_ms = self._now_ms()
        if now_ms < self._forgets_at_ms:
            return
        async with self._database.write() as tx:
            count = await repository.forget(tx, now_ms - KEPT_MS, FORGET_AT_ONCE)
        self._forgets_at_ms = now_ms + (1_000 if count == FORGET_AT_ONCE else FORGET_EVERY_MS)

    async def settle(self) -> None:
        """Wait until what was begun is done."""
        while self._asking:
            await asyncio.gather(*self._asking)

    def _begin(self, looking: Any) -> None:
        task = asyncio.get_running_loop().create_task(looking)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _grouped(self, rows: Sequence[Any]) -> list[tuple[Where | None, list[Any]]]:
        """What one request can ask after."""
        found: list[tuple[Where | None, list[Any]]] = []
        groups: dict[Any, tuple[Where | None, list[Any]]] = {}
        for row in rows:
            where = self._channels.of(row)
            if row.upstream_id is None or where is None or row.state == "waiting_input":
                found.append((where, [row]))
                continue
            name = (row.channel_id, where[1], row.family)
            groups.setdefault(name, (where, []))[1].append(row)
        for where, group in groups.values():
            assert where is not None
            size = self._looking.batch(where[0], group[0].family)
            found += [(where, group[start : start + size]) for start in range(0, len(group), size)]
        return found

    async def _look(self, where: Where | None, rows: list[Any]) -> None:
        try:
            if where is None:
                await self._without_channel(rows[0])
            elif rows[0].state == "waiting_input":
                await self._overdue(rows)
            elif rows[0].upstream_id is None:
                await self._recover(where, rows[0])
            else:
                await self._poll(where, rows)
        except Exception as error:
            log.warning("tasks.look_failed", tasks=len(rows), first=rows[0].id, error=repr(error))
            for row in rows:
                await self._give_up_late(row)

    async def _give_up_late(self, row: Any) -> None:
        """The claim ends, and somebody looks again; but not for ever, since it keeps a hold."""
        now_ms = self._now_ms()
        if now_ms < row.deadline_ms + OUR_FAULT_MS:
            return
        try:
            await self._time_out(row, now_ms)
        except Exception as error:
            log.warning("tasks.end_failed", task=row.id, error=repr(error))

    # Polling

    async def _poll(self, where: Where, rows: list[Any]) -> None:
        channel, place = where
        ids = [row.upstream_id for row in rows]
        try:
            async with self._gate, self._gates[channel.id]:
                found = await self._looking.progress(channel, place, rows[0].family, ids)
        except Exception as error:
            # It says nothing of the tasks, or nothing that any of us can read: they stay as they are.
            log.info("tasks.poll_failed", channel=channel.id, tasks=len(rows), error=repr(error))
            await self._overdue(rows)
            return
        await self._apply(rows, found)

    async def _apply(self, rows: list[Any], found: dict[str, Progress]) -> None:
        now_ms = self._now_ms()
        quiet: list[dict[str, Any]] = []
        moved: list[Moved] = []
        for row in rows:
            try:
                await self._apply_one(row, found.get(row.upstream_id), now_ms, quiet, moved)
            except Exception as error:
                # Those behind it are not kept waiting.
                log.warning("tasks.look_failed", tasks=1, first=row.id, error=repr(error))
                await self._give_up_late(row)
        if quiet or moved:
            await self._go_on(quiet, moved)

    async def _apply_one(
        self,
        row: Any,
        progress: Progress | None,
        now_ms: int,
        quiet: list[dict[str, Any]],
        moved: list[Moved],
    ) -> None:
        """`quiet` and `moved` gather what is written down of many at once."""
        if progress is None:
            await self._unknown(row, now_ms)
        elif (is_news := self._outlook.is_news(row, progress)) and progress.state in ENDED:
            await self._end_row(row, progress.state, progress.reason, now_ms, progress.data)
        elif now_ms >= row.deadline_ms:
            await self._time_out(row, now_ms)
        elif not is_news:
            quiet.append(self._again(row, now_ms))
        elif row.has_callback or progress.state == "waiting_input":
            await self._move(row, progress, now_ms)
        else:
            values = self._again(row, now_ms) | self._outlook.moved(row, progress, self._vault, now_ms)
            moved.append((row, progress, values))

    async def _go_on(self, quiet: list[dict[str, Any]], moved: list[Moved]) -> None:
        """Of many at once, where nobody has to be told: nothing is new, or not much."""
        async with self._database.write() as tx:
            await repository.look_again(tx, quiet)
            await repository.move_on(tx, [values for _, _, values in moved])
            for row, progress, _ in moved:
                if not row.data:
                    await self._note_parts(tx, row, progress.data)

    async def _note_parts(self, tx: Tx, row: Any, data: Any) -> None:
        names = self._families[row.family].parts(data)
        await repository.note_parts(tx, row.account_id, row.mode, row.id, names)

    async def _move(self, row: Any, progress: Progress, now_ms: int) -> None:
        """Of one that somebody is told about, or whose hold is given back."""
        values = self._outlook.moved(row, progress, self._vault, now_ms)
        values |= {"due_ms": self._due_ms(row, now_ms), "polls": row.polls + 1, "lost": 0}
        async with self._database.write() as tx:
            if not await repository.change(tx, row.id, row.fence, values):
                return
            await self._note_parts(tx, row, progress.data)
            if values["state"] == "waiting_input":
                # Whoever answers the dialog pays for what is done then.
                await holds.void(tx, row.request_id, now_ms=now_ms)
            if row.has_callback:
                view = opened(await repository.find(tx, row.id), self._vault)
                await ending.tell(tx, view, self._families[row.family], self._links, self._vault, now_ms)

    async def _unknown(self, row: Any, now_ms: int) -> None:
        is_old = now_ms - row.created_ms >= LOST_AFTER_MS
        if is_old and row.lost + 1 >= LOST_TIMES:
            await self._end_row(row, "failed", UNKNOWN, now_ms)
        elif now_ms >= row.deadline_ms:
            await self._time_out(row, now_ms)
        else:
            async with self._database.write() as tx:
                await repository.look_again(tx, [self._again(row, now_ms) | {"lost": row.lost + 1}])

    # What is not polled

    async def _recover(self, where: Where, row: Any) -> None:
        """The server that submitted it has died, or never heard the answer: has the vendor taken it?"""
        channel, place = where
        adapter = channel.vendor.tasks[row.family]
        now_ms = self._now_ms()
        asked = adapter.find(row.id)
        may_be_told = now_ms - row.created_ms < FIND_FOR_MS + repository.SUBMIT_MS
        if asked is None:
            # The vendor may still name it, where it can reach us.
            await self._wait_or_end(row, now_ms, waits=may_be_told and self._is_reachable)
            return
        upstream_id = None
        try:
            async with self._gate, self._gates[channel.id]:
                status, reply = await asking.ask(self._client, channel, place, asked, asking.LOOKING)
            upstream_id = adapter.found(row.id, status, reply)
        except Exception as error:
            log.info("tasks.find_failed", channel=channel.id, task=row.id, error=repr(error))
        if upstream_id is not None and repository.is_id(upstream_id):
            async with self._database.write() as tx:
                await repository.change(tx, row.id, row.fence, {"upstream_id": upstream_id, "due_ms": now_ms})
        else:
            await self._wait_or_end(row, now_ms, waits=may_be_told)

    async def _wait_or_end(self, row: Any, now_ms: int, *, waits: bool) -> None:
        if not waits:
            await self._end_row(row, "failed", NEVER_TAKEN, now_ms)
            return
        async with self._database.write() as tx:
            await repository.look_again(tx, [self._again(row, now_ms)])

    async def _without_channel(self, row: Any) -> None:
        now_ms = self._now_ms()
        if now_ms >= row.deadline_ms:
            await self._end_row(row, "failed", GONE, now_ms)
        else:
            await self._overdue([row])

    async def _overdue(self, rows: list[Any]) -> None:
        """End those whose time is up; look at the others again later."""
        now_ms = self._now_ms()
        for row in rows:
            if now_ms >= row.deadline_ms:
                await self._time_out(row, now_ms)
        later = [self._again(row, now_ms) for row in rows if now_ms < row.deadline_ms]
        async with self._database.write() as tx:
            await repository.look_again(tx, later)

    async def _time_out(self, row: Any, now_ms: int) -> None:
        await self._end_row(row, "failed", ending.TIMEOUT, now_ms)

    async def _end_row(self, row: Any, state: State, reason: str, now_ms: int, data: Any = None) -> None:
        view, family = opened(row, self._vault), self._families[row.family]
        async with self._database.write() as tx:
            has_ended = await ending.end(
                tx,
                view,
                family,
                state,
                links=self._links,
                vault=self._vault,
                now_ms=now_ms,
                reason=reason,
                fence=view.fence,
                data=data,
            )
        if has_ended:
            log.info("task.ended", task=view.id, state=state, reason=reason[:200], cost=view.cost)

    def _again(self, row: Any, now_ms: int) -> dict[str, Any]:
        return {
            "id": row.id,
            "fence": row.fence,
            "due_ms": self._due_ms(row, now_ms),
            "polls": row.polls + 1,
            "lost": 0,
        }

    def _due_ms(self, row: Any, now_ms: int) -> int:
        pause_s = self._outlook.pause_s(row, self._families[row.family], now_ms)
        latest_ms: int = max(row.deadline_ms, now_ms + 1000)
        return min(now_ms + int(pause_s * 1000), latest_ms)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)
