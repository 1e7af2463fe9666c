"""The relay: takes a request whose key is known, and sees to it that it ends exactly once."""

import asyncio
import random
from collections.abc import Awaitable

import structlog

from pronghorn.errors import (
    BadRequest,
    CallerGone,
    LimitReached,
    ModelNotFound,
    NoChannel,
    PronghornError,
    RefusedStrict,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pronghorn.kit.clock import Clock
from pronghorn.kit.tracebacks import let_go
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.observability import Metrics
from pronghorn.relay import affinity, outgoing
from pronghorn.relay.asking import Asker
from pronghorn.relay.course import Course, find
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.delivery import Delivery
from pronghorn.relay.endpoints import BY_NAME, Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.fast_lane import FastLane, Flight
from pronghorn.relay.form import Form
from pronghorn.relay.holding import Holder, check_priced
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.relay.keeping import Keeper
from pronghorn.relay.peeking import peek_form, peek_json
from pronghorn.relay.pulse import Pulses
from pronghorn.relay.signatures import Signatures
from pronghorn.routing import Candidate, Candidates, Grant, Loader, plan
from pronghorn.routing.budget import RetryBudget
from pronghorn.routing.health import LIMITED_S
from pronghorn.routing.plan import Only, judge, plan_of_one
from pronghorn.settings import Settings
from pronghorn.upstream import Client, Handle
from pronghorn.wire.openai import Peek

MAX_ATTEMPTS = 5
MAX_PAUSE_S = 2.0
"""Before all channels are asked again. A vendor that wants more time is not waited for."""
FIRST_PAUSE_S = 0.25
_LEFT = CallerGone()
"""What an attempt ended with when nothing else is known: it says nothing about who was asked."""

log = structlog.get_logger()


class Relay:
    """One for the process. `serve` raises what the door has to tell the caller, after it is written down."""

    def __init__(
        self,
        *,
        client: Client,
        credit: Credit,
        journal: Journal,
        loader: Loader,
        tokenizer: Tokenizer,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        keeper: Keeper,
    ) -> None:
        self._journal = journal
        self._loader = loader
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._budget = RetryBudget()
        self._pulses = Pulses(settings)
        signatures = Signatures(keeper)
        self._client = client
        self._asker = Asker(client, signatures, settings)
        self._holder = Holder(credit, tokenizer, settings)
        self._delivery = Delivery(tokenizer, signatures)
        self.crowd = Crowd(settings.max_open_requests)
        self.fast_lane = FastLane(
            client, self._holder, journal, self._budget, self.crowd, settings, clock, metrics
        )

    async def serve(self, incoming: Incoming, grant: Grant, endpoint: Endpoint, sink: Sink) -> None:
        exchange = Exchange(incoming, grant, endpoint, self._journal, self._metrics)
        await self._see_through(exchange, sink, self._serve(exchange, sink))

    async def resume(self, flight: Flight, sink: Sink) -> None:
        """`serve` for what the fast lane began and could not end."""
        await self._see_through(flight.exchange, sink, self._resume(flight, sink))

    async def _serve(self, exchange: Exchange, sink: Sink) -> None:
        incoming, grant = exchange.incoming, exchange.grant
        if incoming.upload is not None:
            exchange.body_bytes = _content_length(incoming) or 0
        grant.enter(self._clock.monotonic(), exchange.body_bytes)
        exchange.has_entered = True
        self._journal.check()
        if incoming.upload is not None:
            await self._serve_form(exchange, sink)
        else:
            await self._ask_models(exchange, peek_json(exchange), None, len(incoming.body), sink)

    async def _resume(self, flight: Flight, sink: Sink) -> None:
        handle = flight.handle
        assert handle is not None
        try:
            if flight.failure is not None:
                raise flight.failure
            candidates = Only(flight.candidate)
            await self._attempts(flight.exchange, candidates, None, flight.peek, None, sink, handle)
        finally:
            if handle.begun is not None:
                self._client.release(handle.begun)

    async def _see_through(self, exchange: Exchange, sink: Sink, work: Awaitable[None]) -> None:
        """Whatever becomes of `work`, the exchange is settled and the caller is told."""
        try:
            await work
        except PronghornError as error:
            is_begun = exchange.is_begun and not exchange.is_settled
            told = error.upstream_status if isinstance(error, UpstreamRejected) else error.status
            exchange.settle(200 if is_begun else told, error.end_reason, error=error.message)
            if not is_begun or isinstance(error, CallerGone):
                raise
            await self._delivery.tell(exchange, error, sink)
        except asyncio.CancelledError:
            exchange.settle(0, "shutdown", error="the gateway was stopped")
            raise
        except Exception:
            exchange.settle(500, "bug", error="internal error")
            raise
        finally:
            sink.on_disconnect(None)

    async def _serve_form(self, exchange: Exchange, sink: Sink) -> None:
        incoming = exchange.incoming
        assert incoming.upload is not None
        length = _content_length(incoming)
        form = exchange.form = Form(incoming.headers[b"content-type"], incoming.upload, length)
        try:
            # How many pictures are held for, and of which kind, a field behind the file may say.
            await form.read_ahead(to_end=exchange.endpoint.measure == "images")
            most_bytes = length or self._settings.max_upload_bytes
            await self._ask_models(exchange, peek_form(form), form, most_bytes, sink)
        finally:
            form.close()

    async def _ask_models(
        self, exchange: Exchange, peek: Peek, form: Form | None, body_bytes: int, sink: Sink
    ) -> None:
        """Ask the model, and where it cannot answer those that stand in for it."""
        grant, endpoint = exchange.grant, exchange.endpoint
        if outgoing.SIMULATE in exchange.incoming.headers and not grant.is_test:
            raise BadRequest(
                "x-pronghorn-simulate is for test keys (sk-test...)", param="x-pronghorn-simulate"
            )
        course = find(self._loader.snapshot, exchange, peek)
        self._budget.deposit()
        if endpoint.stream is not None:
            is_sound = endpoint.measure == "speech"
            exchange.is_stream = peek.stream_format == "sse" if is_sound else bool(peek.stream)
            if exchange.incoming.is_stream is not None:
                exchange.is_stream = exchange.incoming.is_stream
        failure: PronghornError | None = None
        while True:
            asked = len(exchange.attempts)
            try:
                candidates = self._candidates(exchange, course)
                check_priced(exchange, allow_unpriced=self._settings.allow_unpriced)
                most = self._holder.hold_at_once(exchange, peek, body_bytes)
                if most is not None:
                    await self._holder.hold(exchange, peek, most)
                if candidates is None:
                    await self._delivery.count(exchange, sink)
                elif exchange.is_stream:
                    await self._attempts_with_pulse(exchange, candidates, course, peek, form, sink)
                else:
                    await self._attempts(exchange, candidates, course, peek, form, sink, Handle())
                return
            except PronghornError as error:
                # One that stands in and cannot be asked says nothing about why the asked model failed.
                if failure is None or len(exchange.attempts) > asked:
                    failure = error
                if course is None or not self._may_stand_in(exchange, error, form):
                    raise failure from None
                if not course.advance(exchange, error):
                    raise failure from None
                exchange.return_hold()

    def _candidates(self, exchange: Exchange, course: Course | None) -> Candidates | None:
        """Who could answer; None: we count ourselves. Raises what speaks against asking anybody."""
        grant, snapshot, model = exchange.grant, self._loader.snapshot, exchange.model
        assert model is not None
        name = exchange.endpoint.name
        if course is None and (only := plan_of_one(snapshot, grant, model, name)) is not None:
            return only
        policy, control = ("weight", None) if course is None else (course.policy, course.control)
        exchange.is_timed = policy == "latency"
        wanted = None
        if snapshot.has_choice(model.name, grant.group):
            # Nearly every chat has a beginning: with it counted, no other policy would ever hold.
            wanted = affinity.of(exchange, by_name_alone=policy in ("latency", "load"))
        try:
            return plan(
                snapshot,
                grant,
                model,
                name,
                affinity=wanted,
                now_s=self._clock.monotonic(),
                policy=policy,
                control=control,
                body_bytes=exchange.body_bytes,
            )
        except ModelNotFound:
            if exchange.endpoint.counted is None:
                raise
            return None

    async def _attempts_with_pulse(
        self,
        exchange: Exchange,
        candidates: Candidates,
        course: Course | None,
        peek: Peek,
        form: Form | None,
        sink: Sink,
    ) -> None:
        pulse = exchange.pulse = self._pulses.begin(exchange, sink)
        try:
            await self._attempts(exchange, candidates, course, peek, form, sink, Handle())
        finally:
            self._pulses.end(pulse)

    async def _attempts(
        self,
        exchange: Exchange,
        candidates: Candidates,
        course: Course | None,
        peek: Peek,
        form: Form | None,
        sink: Sink,
        handle: Handle,
    ) -> None:
        """Ask one candidate after the other, and after a pause all of them again."""
        sink.on_disconnect(handle.caller_gone)
        failure = await self._round(exchange, candidates, peek, form, sink, handle)
        rounds = 0 if exchange.grant.is_test else self._settings.retries
        for again in range(rounds):
            if failure is None:
                return
            pause_s = self._pause_s(exchange, failure, form, again)
            if pause_s is None:
                break
            await asyncio.sleep(pause_s)
            handle.raise_if_cancelled()
            try:
                found = self._candidates(exchange, course)
                assert found is not None
                failure = await self._round(exchange, found, peek, form, sink, handle)
            except (NoChannel, LimitReached):
                break  # they were closed meanwhile: what was seen of them says more
        if failure is not None:
            raise failure

    async def _round(
        self,
        exchange: Exchange,
        candidates: Candidates,
        peek: Peek,
        form: Form | None,
        sink: Sink,
        handle: Handle,
    ) -> PronghornError | None:
        """Until one delivers, or fails in a way that another cannot mend. Gives the last failure."""
        failure: PronghornError | None = None
        for candidate in candidates:
            if failure is not None and not self._budget.withdraw():
                break
            failure = await self._attempt(exchange, candidate, peek, form, sink, handle)
            if failure is None:
                return None
            if not isinstance(failure, UpstreamRefusedUs | UpstreamLimited):
                candidates.leave_channel()  # another credential of it would meet the same fault
            if not self._may_ask_another(exchange, failure, form):
                break
        return failure or NoChannel()

    def _pause_s(
        self, exchange: Exchange, failure: PronghornError, form: Form | None, again: int
    ) -> float | None:
        """How long until all are asked again; None: there is no sense in it."""
        is_hopeless = isinstance(failure, RefusedStrict | UpstreamRefusedUs | UpstreamTimeout | NoChannel)
        if is_hopeless or not self._may_ask_another(exchange, failure, form):
            return None
        wanted_s = 0.0
        if isinstance(failure, UpstreamLimited):
            wanted_s = LIMITED_S if failure.retry_after_s is None else failure.retry_after_s
        if wanted_s > MAX_PAUSE_S or not self._budget.withdraw():
            return None
        # Full jitter: those who failed together must not come back together.
        return wanted_s + random.uniform(0.0, min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0**again))

    async def _attempt(
        self,
        exchange: Exchange,
        candidate: Candidate,
        peek: Peek,
        form: Form | None,
        sink: Sink,
        handle: Handle,
    ) -> PronghornError | None:
        """None: the caller has an answer, or at least a part of one and the truth about the rest."""
        channel = exchange.channel = candidate.channel
        exchange.place = candidate.place
        assert exchange.model is not None
        exchange.upstream_model = channel.models.get(exchange.model.name, exchange.model.name)
        exchange.target = BY_NAME[channel.target(exchange.endpoint.name) or exchange.endpoint.name]
        begun_ms = exchange.elapsed_ms() if exchange.attempts else 0
        attempt = Attempt(channel.id, 0, "", 0)
        exchange.attempts.append(attempt)
        outcome: PronghornError | None = _LEFT
        candidate.begin(self._clock.monotonic())
        gate = channel.gate
        if gate is not None:
            gate.enter(exchange.body_bytes)
        try:
            answer = await self._asker.ask(exchange, channel, peek, form, handle)
            attempt.status = answer.status
            attempt.duration_ms = exchange.elapsed_ms() - begun_ms
            await self._delivery.deliver(exchange, answer, peek, sink)
            outcome = exchange.upstream_failure
        except (UpstreamError, RefusedStrict) as error:
            outcome = error
            if not exchange.is_settled:
                attempt.status = getattr(error, "upstream_status", 0) or attempt.status
                attempt.error = error.code_word
                attempt.duration_ms = exchange.elapsed_ms() - begun_ms
                log.info(
                    "attempt.failed", request_id=exchange.incoming.id, channel=channel.id, error=error.message
                )
                return error
        finally:
            if gate is not None:
                gate.leave(exchange.tokens, exchange.body_bytes)
            if exchange.grant.mode == "test":
                candidate.leave()  # failures of test mode are made on demand, and mean nothing
            elif outcome is None:
                candidate.succeed(now_s := self._clock.monotonic())
                if exchange.is_timed:
                    channel.vitals.latency.observe(attempt.duration_ms / 1000, now_s)
            else:
                judge(candidate, outcome, self._clock.monotonic())
            if outcome is not None:
                let_go(outcome)  # it is told elsewhere, or another channel makes it good
        return None

    def _may_ask_another(self, exchange: Exchange, failure: PronghornError, form: Form | None) -> bool:
        if (
            len(exchange.attempts) >= MAX_ATTEMPTS
            or exchange.elapsed_ms() > self._settings.total_timeout_s * 1000
        ):
            return False
        if isinstance(failure, RefusedStrict):
            return True  # another channel may speak the caller's dialect
        return failure.retryable and _is_safe(exchange, failure, form)

    def _may_stand_in(self, exchange: Exchange, failure: PronghornError, form: Form | None) -> bool:
        """May another model be asked? What the vendor refused, it has not begun."""
        if exchange.is_settled:
            return False
        if not exchange.attempts:
            return True
        is_refused = isinstance(failure, UpstreamRejected) and not (form is not None and form.is_sent)
        has_time = exchange.elapsed_ms() <= self._settings.total_timeout_s * 1000
        return (
            len(exchange.attempts) < MAX_ATTEMPTS
            and has_time
            and (is_refused or _is_safe(exchange, failure, form))
        )


def _is_safe(exchange: Exchange, failure: PronghornError, form: Form | None) -> bool:
    """Nothing would be done twice that costs twice."""
    if form is not None and form.is_sent:
        return False
    # These never began the work; anything else may have, and would then be paid for twice.
    is_untouched = isinstance(failure, UpstreamUnreachable | UpstreamRefusedUs | UpstreamLimited)
    return is_untouched or exchange.endpoint.is_repeatable


def _content_length(incoming: Incoming) -> int | None:
    text = incoming.headers.get(b"content-length", b"")
    return int(text) if text.isdigit() else None
