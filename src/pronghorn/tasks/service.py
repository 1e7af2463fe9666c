"""Tasks: what doors ask for, for as long as the process lives."""

from collections.abc import Sequence
from typing import Any

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import Conflict, UpstreamError
from pronghorn.kit.clock import Clock
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Journal
from pronghorn.observability import Metrics
from pronghorn.relay.incoming import Incoming
from pronghorn.routing import Channel, Grant, Loader
from pronghorn.routing.load import SANDBOX
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.tasks import asking, ending, repository, waking
from pronghorn.tasks.draft import Wanted
from pronghorn.tasks.family import load
from pronghorn.tasks.links import Links, own_address
from pronghorn.tasks.looking import Looking
from pronghorn.tasks.submitting import Submitter
from pronghorn.tasks.verdict import parent_gone
from pronghorn.tasks.view import View, opened
from pronghorn.upstream import Client, Deadlines
from pronghorn.vendors.task import Ask, State


class Tasks:
    """One for the process."""

    def __init__(
        self,
        *,
        database: Database,
        credit: Credit,
        vault: Secrets,
        clock: Clock,
        settings: Settings,
        loader: Loader,
        client: Client,
        journal: Journal,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._loader = loader
        self._client = client
        self._looking = Looking(client, clock)
        self.families = load()
        self._submitter = Submitter(
            database=database,
            credit=credit,
            vault=vault,
            clock=clock,
            settings=settings,
            loader=loader,
            client=client,
            journal=journal,
            metrics=metrics,
            channel_of=self.channel_of,
        )

    async def get(self, grant: Grant, task_id: str) -> View | None:
        """None: there is none, or it belongs to somebody else."""
        return (await self.many(grant, [task_id])).get(task_id)

    async def many(self, grant: Grant, ids: Sequence[str]) -> dict[str, View]:
        async with self._database.read() as tx:
            rows = await repository.own(tx, grant.account_id, grant.mode, ids)
        return {row.id: opened(row, self._vault) for row in rows}

    async def listed(self, grant: Grant, **filters: Any) -> list[View]:
        async with self._database.read() as tx:
            rows = await repository.list_own(tx, grant.account_id, grant.mode, **filters)
        return [opened(row, self._vault) for row in rows]

    async def of_part(self, grant: Grant, name: str) -> View | None:
        """The task that made what has this name."""
        async with self._database.read() as tx:
            row = await repository.task_of_part(tx, grant.account_id, grant.mode, name)
        return None if row is None else opened(row, self._vault)

    async def find(self, task_id: str) -> View | None:
        """Whoever's it is: for those who were given its signed address."""
        async with self._database.read() as tx:
            row = await repository.find(tx, task_id)
        return None if row is None else opened(row, self._vault)

    def links(self, base_url: str) -> Links:
        return Links(self._vault, self._settings.public_url or base_url)

    def channel_of(self, view: View) -> tuple[Channel, int] | None:
        """The channel and the credential that have it; None: the operator took one of them away."""
        snapshot = self._loader.snapshot
        channels = [channel for channel in snapshot.channels if channel.id == view.channel_id]
        if view.channel_id == SANDBOX and (model := snapshot.models.get(view.model)) is not None:
            simulator = snapshot.sandbox_for(model, view.family)
            channels = [simulator] if simulator is not None else []
        for channel in channels:
            place = asking.place_of(channel, view.credential, self._vault.hash_keys)
            if place is not None:
                return channel, place
        return None

    async def ask(self, view: View, wanted: Ask, deadlines: Deadlines = asking.LOOKING) -> tuple[int, Any]:
        """Of the account that has the task: something that costs nothing. Raises `Conflict` or an `UpstreamError`."""
        where = self.channel_of(view)
        if where is None:
            raise parent_gone()
        return await asking.ask(self._client, *where, wanted, deadlines)

    async def cancel(self, view: View) -> View:
        """Ask the vendor to stop it, and end it here. What has ended stays as it is; a second call does nothing.

        Raises `Conflict` if the vendor cannot stop it, or an `UpstreamError`: then it goes on.
        """
        if view.is_over:
            return view
        order = self._cancellation(view)
        # A worker that sees the vendor's own word of it first would end it at another price.
        async with self._database.write() as tx:
            fence = await repository.take(tx, view.id, view.state, self._now_ms() + repository.CLAIM_MS)
        if fence is None:  # it has moved on since it was looked at
            now = await self.find(view.id)
            return view if now is None else await self.cancel(now)
        try:
            if order is not None:
                await self._stop_at_vendor(view, *order)
        except Exception:
            now = await self._given_back(view, fence)
            if now is not None and now.is_over:
                return now  # somebody else has cancelled it in this moment
            raise
        family, now_ms = self.families[view.family], self._now_ms()
        # What had begun has been worked on, and its previews have been seen.
        is_charged = view.state == "running" and self._settings.cancelled_running == "charge"
        async with self._database.write() as tx:
            await ending.end(
                tx,
                view,
                family,
                "cancelled",
                links=self.links(own_address(self._settings)),
                vault=self._vault,
                now_ms=now_ms,
                is_charged=is_charged,
            )
        return await self.find(view.id) or view

    async def _given_back(self, view: View, fence: int) -> View | None:
        """It goes on, so somebody may look at it again."""
        async with self._database.write() as tx:
            await repository.change(tx, view.id, fence, {"due_ms": self._now_ms()})
        return await self.find(view.id)

    def _cancellation(self, view: View) -> tuple[tuple[Channel, int], Ask] | None:
        """Who is asked to stop it, and how; None: a dialog that nobody has answered is nothing to the vendor.

        Raises `Conflict`, before anybody who submits it or looks at it is disturbed.
        """
        if view.state == "waiting_input":
            return None
        if view.upstream_id is None:
            raise Conflict(
                "its vendor has not said yet that it took it; cancel it again shortly", code="not_cancellable"
            )
        where = self.channel_of(view)
        asked = where[0].vendor.tasks[view.family].cancel(view.upstream_id) if where is not None else None
        if where is None or asked is None:
            raise Conflict(
                f"a task of {view.family} cannot be cancelled there once it was taken", code="not_cancellable"
            )
        return where, asked

    async def _stop_at_vendor(self, view: View, where: tuple[Channel, int], asked: Ask) -> None:
        status, reply = await asking.ask(self._client, *where, asked, asking.LOOKING)
        state = await self._state_there(view, where)
        # Some say yes to whatever is asked. What is made is not lost: the next look brings it.
        if state == "succeeded":
            raise Conflict(
                "the vendor did not stop it, since it is done; ask for it again", code="not_cancelled"
            )
        # Refused, too, is what an earlier cancellation has stopped, whose answer is lost or under way.
        if state != "cancelled" and not asking.says_yes(status, reply):
            raise Conflict(f"the vendor did not stop it (status {status}); it goes on", code="not_cancelled")
        # A yes that nothing contradicts is believed. `failed` is how some end what they were asked to stop; they may
        # say for a while yet that it runs, and afterwards not know it any more. To wait for a better word would keep
        # a caller waiting, and the hold; and should it be finished all the same, its caller wants nothing of it.

    async def _state_there(self, view: View, where: tuple[Channel, int]) -> State | None:
        """What its vendor says; None: no answer, nothing that can be read, or that it does not know it."""
        upstream_id = view.upstream_id or ""
        try:
            found = await self._looking.progress(*where, view.family, [upstream_id])
        except (UpstreamError, ValueError):
            return None
        return found[upstream_id].state if upstream_id in found else None

    async def wake(self, view: View, upstream_id: str | None) -> None:
        """The vendor says that there is news of it, and may have named its id."""
        async with self._database.write() as tx:
            await waking.wake(tx, view.id, self._now_ms(), upstream_id)

    async def submit(self, incoming: Incoming, grant: Grant, wanted: Wanted) -> View:
        """The task, which the vendor has accepted. Raises what the door has to tell the caller."""
        return await self._submitter.submit(incoming, grant, wanted)

    async def answer_dialog(self, incoming: Incoming, grant: Grant, wanted: Wanted, view: View) -> View:
        """The same for a task that waits for input: it goes on with its own id. `wanted.parent` is itself."""
        if view.state != "waiting_input":
            raise Conflict("this task does not wait for input", code="not_waiting")
        wanted.parent = view
        return await self._submitter.submit(incoming, grant, wanted, view)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)
