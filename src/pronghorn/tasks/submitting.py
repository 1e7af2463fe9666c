"""Submitting: a job is written down before the vendor is asked, with the money that it may cost.

So whatever dies in between, somebody finds the row: the vendor is never asked twice for one job, and no hold is lost.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import targets
from pronghorn.errors import (
    AlreadyMade,
    BadRequest,
    CallerGone,
    Conflict,
    NoChannel,
    PronghornError,
    UpstreamDropped,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTruncated,
)
from pronghorn.kit.clock import Clock
from pronghorn.ledger import holds
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.ledger.pots import Window
from pronghorn.observability import Metrics
from pronghorn.relay import course, outgoing
from pronghorn.relay.exchange import NOTHING, Exchange
from pronghorn.relay.holding import check_priced, gather, shortest
from pronghorn.relay.holding import refusal as no_credit
from pronghorn.relay.incoming import Incoming
from pronghorn.routing import Candidate, Channel, Grant, Loader, plan
from pronghorn.routing.plan import judge
from pronghorn.settings import Settings
from pronghorn.store import Database, Tx
from pronghorn.store.answering import answering
from pronghorn.tasks import asking, ending, repository
from pronghorn.tasks.draft import Wanted, drafted, endpoint_of, go_on, row_of, submission
from pronghorn.tasks.family import Family, load
from pronghorn.tasks.links import Links, own_address
from pronghorn.tasks.verdict import parent_gone, taken_over, unknown_outcome, verdict
from pronghorn.tasks.view import View, sealed
from pronghorn.upstream import Client
from pronghorn.vendors.task import ENDED, Accepted, Declined, Submission, TaskAdapter

MAX_ATTEMPTS = 5
_LOST = (UpstreamDropped, UpstreamTimeout, UpstreamTruncated)
"""Nobody knows whether the vendor has it."""
_LATE = (408, 504, 524)
"""Said by what stands before a vendor, which goes on with what it was asked for."""

log = structlog.get_logger()


class Submitter:
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
        channel_of: Callable[[View], tuple[Channel, int] | None],
    ) -> None:
        self._database = database
        self._credit = credit
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._loader = loader
        self._client = client
        self._journal = journal
        self._metrics = metrics
        self._channel_of = channel_of
        self._links = Links(vault, own_address(settings))
        self._families = load()
        self._endpoints = {name: endpoint_of(name) for name in self._families}

    async def submit(
        self, incoming: Incoming, grant: Grant, wanted: Wanted, dialog: View | None = None
    ) -> View:
        """The task, which the vendor has accepted; `dialog`: the one that goes on. Raises what the caller is told."""
        family = self._families[wanted.family]
        exchange = Exchange(incoming, grant, self._endpoints[wanted.family], self._journal, self._metrics)
        try:
            return await self._submit(exchange, family, wanted, dialog)
        except PronghornError as error:
            told = error.upstream_status if isinstance(error, UpstreamRejected) else error.status
            _leave(exchange, told, error.end_reason, error.message)
            raise
        except BaseException:
            _leave(exchange, 500, "bug", "internal error")
            raise

    async def _submit(self, exchange: Exchange, family: Family, wanted: Wanted, dialog: View | None) -> View:
        grant, incoming = exchange.grant, exchange.incoming
        grant.enter(self._clock.monotonic(), exchange.body_bytes)
        exchange.has_entered = True
        self._journal.check()
        if outgoing.SIMULATE in incoming.headers and not grant.is_test:
            raise BadRequest(
                "x-pronghorn-simulate is for test keys (sk-test...)", param="x-pronghorn-simulate"
            )
        if wanted.callback:
            targets.check_url(wanted.callback, self._settings.fetch_allow)
        exchange.model_name = wanted.model or family.model
        snapshot = self._loader.snapshot
        exchange.model = course.known_model(snapshot, grant, exchange.model_name)
        course.check_capability(snapshot, grant, exchange.model, exchange.endpoint)
        check_priced(exchange, allow_unpriced=self._settings.allow_unpriced)
        candidates = _able(self._candidates(exchange, wanted), wanted)
        first = next(candidates, None)
        if first is None:
            raise BadRequest(f"{wanted.action} is not supported by this channel", code="not_supported")
        view = drafted(exchange, family, wanted, self._now_ms())
        if dialog is not None:
            go_on(view, dialog)
        await self._write_down(exchange, view, wanted, first, dialog)
        accepted = await self._first_that_accepts(exchange, view, wanted, first, candidates, dialog)
        await self._note_accepted(exchange, family, view, accepted)
        return view

    def _candidates(self, exchange: Exchange, wanted: Wanted) -> Any:
        """Who may be asked; of what goes on from another task, the account that made it and nobody else."""
        pinned = [*([wanted.parent] if wanted.parent is not None else []), *wanted.parts.values()]
        if pinned:
            return iter((self._maker_of(pinned),))
        assert exchange.model is not None
        snapshot, grant = self._loader.snapshot, exchange.grant
        return plan(
            snapshot,
            grant,
            exchange.model,
            wanted.family,
            now_s=self._clock.monotonic(),
            body_bytes=exchange.body_bytes,
        )

    def _maker_of(self, made: Sequence[View]) -> Candidate:
        """The one account that made all of it."""
        if len({(view.channel_id, view.credential) for view in made}) > 1:
            raise BadRequest(
                "what this refers to was made by different accounts at the vendor, and none has all of it"
            )
        where = self._channel_of(made[0])
        if where is None:
            raise parent_gone()
        channel, place = where
        return channel.candidates[place]

    async def _write_down(
        self, exchange: Exchange, view: View, wanted: Wanted, first: Candidate, dialog: View | None
    ) -> None:
        """The row and its hold, before anybody is asked."""
        self._address(exchange, view, first)
        purses = await self._take_money(exchange, view.job.bill.charge)
        windows = [purse.pot for purse in purses[1:] if isinstance(purse.pot, Window)]
        is_committing = False
        try:
            with answering("nothing was sent or charged; try again shortly"):
                async with self._database.write() as tx:
                    # The task before the wallet, as when a task ends: in two orders they would deadlock.
                    if dialog is None:
                        await self._add(tx, view, wanted)
                    elif not await self._take_dialog(tx, view):
                        raise Conflict("this task does not wait for input any more", code="not_waiting")
                    await self._hold(tx, exchange, view, purses, windows)
                    is_committing = True
        except BaseException:
            # Once the commit was asked for it may have happened, and the money lies there.
            (exchange.move_hold if is_committing else exchange.return_hold)()
            exchange.lives_on = is_committing
            raise
        exchange.move_hold()
        exchange.lives_on = True

    async def _add(self, tx: Tx, view: View, wanted: Wanted) -> None:
        await repository.add(tx, row_of(view, self._vault, self._now_ms()))
        mine = (view.account_id, view.mode, view.id)
        if wanted.makes and not await repository.claim_part(tx, *mine, wanted.makes):
            raise AlreadyMade(f"another task makes {wanted.makes}, or has made it; ask for that one")

    async def _take_dialog(self, tx: Tx, view: View) -> bool:
        """False: somebody else was faster."""
        row = row_of(view, self._vault, self._now_ms())
        fence = await repository.take(tx, view.id, "waiting_input", row["due_ms"])
        if fence is None:
            return False
        view.fence = fence
        kept = ("request_id", "key_id", "request", "label", "has_callback", "state", "deadline_ms", "due_ms")
        # The vendor's id is that of the dialog until it is answered: who finds the row asks after it.
        return await repository.change(tx, view.id, fence, {name: row[name] for name in kept})

    async def _hold(
        self, tx: Tx, exchange: Exchange, view: View, purses: Sequence[Purse], windows: Sequence[Window]
    ) -> None:
        amount = view.job.bill.charge
        if amount:
            await self._credit.move(tx, purses, amount)
        await holds.place(
            tx, view.request_id, view.account_id, view.mode, amount, windows, now_ms=view.created_ms
        )

    async def _take_money(self, exchange: Exchange, amount: int) -> list[Purse]:
        """In memory first: so that what others hold is waited for, and nobody else takes it meanwhile."""
        grant = exchange.grant
        purses = [grant.purse, *grant.budget_purses(exchange.incoming.received_s)]
        if amount:
            await gather(self._credit, purses, amount, 0)
            if min(purse.free for purse in purses) < amount:
                await gather(self._credit, purses, amount, self._settings.credit_wait_s)
            short = shortest(purses)
            if short.free < amount:
                raise await no_credit(self._credit, exchange, short, amount)
        exchange.take_hold(amount, purses[1:])
        return purses

    def _address(self, exchange: Exchange, view: View, candidate: Candidate) -> None:
        exchange.channel, exchange.place = candidate.channel, candidate.place
        assert exchange.model is not None
        name = exchange.model.name
        exchange.upstream_model = view.job.bill.upstream_model = candidate.channel.models.get(name, name)
        view.channel_id = candidate.channel.id
        view.credential = asking.fingerprint(candidate.channel, candidate.place, self._vault.hash_key)

    async def _first_that_accepts(
        self,
        exchange: Exchange,
        view: View,
        wanted: Wanted,
        first: Candidate,
        others: Any,
        dialog: View | None,
    ) -> Accepted:
        """Raises the last failure, once nothing of the draft is left; or when nobody knows what became of it."""
        candidate: Candidate | None = first
        failure: PronghornError = NoChannel()
        while candidate is not None:
            if candidate is not first and not await self._moved(exchange, view, candidate):
                raise taken_over(view)
            try:
                return await self._attempt(exchange, view, wanted, candidate)
            except _LOST as error:
                await self._leave_to_worker(view)
                raise unknown_outcome(view) from error
            except Declined as declined:
                _, failure, goes_on = verdict(declined, candidate.channel, wanted.family)
            except PronghornError as error:
                failure, goes_on = error, isinstance(error, UpstreamError)
            if not goes_on or len(exchange.attempts) >= MAX_ATTEMPTS:
                break
            candidate = next(others, None)
        await self._take_back(exchange, view, dialog)
        raise failure

    async def _attempt(
        self, exchange: Exchange, view: View, wanted: Wanted, candidate: Candidate
    ) -> Accepted:
        channel = candidate.channel
        adapter = channel.vendor.tasks[wanted.family]
        asked = submission(view, wanted, exchange.upstream_model, self._callback_url(view))
        attempt = Attempt(channel.id, 0, "", 0)
        exchange.attempts.append(attempt)
        begun_ms = exchange.elapsed_ms()
        outcome: PronghornError | None = CallerGone()
        """What is said of who was asked, if nothing else is known."""
        candidate.begin(self._clock.monotonic())
        if channel.gate is not None:
            channel.gate.enter(exchange.body_bytes)
        try:
            accepted = await self._asked(exchange, adapter, asked, candidate, attempt)
            outcome = None
            return accepted
        except Declined as declined:
            outcome = verdict(declined, channel, wanted.family).outcome
            attempt.error = declined.fault
            raise
        except PronghornError as error:
            outcome = error
            raise
        finally:
            attempt.duration_ms = exchange.elapsed_ms() - begun_ms
            attempt.error = attempt.error or (outcome.code_word if outcome is not None else "")
            if channel.gate is not None:
                channel.gate.leave(0, exchange.body_bytes)
            if exchange.grant.is_test or (outcome is None and not attempt.status):
                candidate.leave()
            else:
                judge(candidate, outcome, self._clock.monotonic())

    async def _asked(
        self,
        exchange: Exchange,
        adapter: TaskAdapter,
        asked: Submission,
        candidate: Candidate,
        attempt: Attempt,
    ) -> Accepted:
        lines = b""
        if (simulated := exchange.incoming.headers.get(outgoing.SIMULATE)) is not None:
            lines = b"%b: %b\r\n" % (outgoing.SIMULATE, simulated)
        wanted = adapter.submit(asked)
        status, reply = await asking.ask(
            self._client, candidate.channel, candidate.place, wanted, asking.SUBMITTING, lines
        )
        attempt.status = status
        if status in _LATE:
            raise UpstreamTimeout(f"the vendor answered with status {status}")
        if reply is None and status < 300:
            raise UpstreamTruncated("the vendor's answer cannot be read")
        accepted = adapter.accepted(asked, status, reply)
        if accepted.state not in ENDED and not repository.is_id(accepted.upstream_id):
            raise UpstreamTruncated("the vendor took it, and did not say as what")
        return accepted

    # What becomes of a draft

    async def _moved(self, exchange: Exchange, view: View, candidate: Candidate) -> bool:
        """Another one is asked: if we die now, it is that one who may have it."""
        self._address(exchange, view, candidate)
        values = {
            "channel_id": view.channel_id,
            "credential": view.credential,
            "request": sealed(view.job, self._vault),
            "due_ms": self._now_ms() + repository.SUBMIT_MS,
        }
        async with self._database.write() as tx:
            return await repository.change(tx, view.id, view.fence, values)

    async def _note_accepted(
        self, exchange: Exchange, family: Family, view: View, accepted: Accepted
    ) -> None:
        now_ms = self._now_ms()
        view.upstream_id, view.data, view.job.answer = accepted.upstream_id, accepted.data, accepted.answer
        view.state = accepted.state
        view.attempts = [
            {
                "channel": one.channel_id,
                "status": one.status,
                "error": one.error,
                "duration_ms": one.duration_ms,
            }
            for one in exchange.attempts
        ]
        is_over = accepted.state == "succeeded"
        values = {
            "upstream_id": accepted.upstream_id,
            "state": "running" if is_over else accepted.state,
            "data": sealed(view.data, self._vault) if view.data is not None else "",
            "request": sealed(view.job, self._vault),
            "attempts": view.attempts,
            "due_ms": now_ms + int(self._first_look_s(exchange, family) * 1000),
        }
        async with self._database.write() as tx:
            if not await repository.change(tx, view.id, view.fence, values):
                raise taken_over(view)
            await repository.note_parts(tx, view.account_id, view.mode, view.id, family.parts(view.data))
            if accepted.state == "waiting_input":
                await holds.void(tx, view.request_id, now_ms=now_ms)
            elif is_over:
                await ending.end(
                    tx,
                    view,
                    family,
                    "succeeded",
                    links=self._links,
                    vault=self._vault,
                    now_ms=now_ms,
                )
        if accepted.state == "waiting_input":
            exchange.settle(200, "ok")
        else:
            exchange.close("ok", NOTHING, 0)

    @staticmethod
    def _first_look_s(exchange: Exchange, family: Family) -> float:
        return 0.3 if exchange.grant.is_test else family.pause_s

    async def _take_back(self, exchange: Exchange, view: View, dialog: View | None) -> None:
        """Nobody has taken it: it never was. If that cannot be written now, the worker finds the row."""
        try:
            async with self._database.write() as tx:
                if dialog is None:
                    is_gone = await repository.remove(tx, view.id)
                else:
                    values = {"state": "waiting_input", "due_ms": self._now_ms()}
                    is_gone = await repository.change(tx, view.id, view.fence, values)
                if not is_gone:
                    return
                await holds.void(tx, view.request_id, now_ms=self._now_ms())
            exchange.lives_on = False
        except Exception as error:
            log.warning("task.not_taken_back", task=view.id, error=repr(error))

    async def _leave_to_worker(self, view: View) -> None:
        """It looks at once whether the vendor has it."""
        try:
            async with self._database.write() as tx:
                await repository.change(tx, view.id, view.fence, {"due_ms": self._now_ms()})
        except Exception as error:
            log.warning("task.not_left", task=view.id, error=repr(error))

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

    def _callback_url(self, view: View) -> str:
        """Empty if no vendor could reach us."""
        return self._links.callback(view.id) if self._settings.public_url else ""


def _able(candidates: Iterator[Candidate], wanted: Wanted) -> Iterator[Candidate]:
    """Those whose vendor can do it."""
    for candidate in candidates:
        if wanted.action in candidate.channel.vendor.tasks[wanted.family].actions:
            yield candidate


def _leave(exchange: Exchange, status: int, end_reason: str, error: str) -> None:
    """A request that ended badly has its row in the log at once, unless a task may have come of it: then that has."""
    if exchange.lives_on:
        exchange.close(end_reason, NOTHING, 0)
    else:
        exchange.settle(status, end_reason, error=error)
