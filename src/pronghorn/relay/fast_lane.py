"""The fast lane: what nearly every request is, served without a task and without a pause.

One channel alone serves the model, a connection to it is open, the purse has enough, the answer comes whole and good.
Whatever else a request wants or an answer brings goes the usual way: before anything was sent as if nothing had
happened, afterwards with the call that is under way. Both ways share each rule that decides about money.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from pronghorn.errors import CallerGone, UpstreamError
from pronghorn.kit.batch import Batch
from pronghorn.kit.clock import Clock
from pronghorn.kit.money import format_usd
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.observability import Metrics
from pronghorn.relay import outgoing
from pronghorn.relay.answer_headers import answer_headers
from pronghorn.relay.course import can_do
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.endpoints import JSON, Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.holding import Holder
from pronghorn.relay.incoming import Headers, Incoming, Sink
from pronghorn.relay.measuring import complete, is_free
from pronghorn.routing import Candidate, Grant, Model, Snapshot
from pronghorn.routing.budget import RetryBudget
from pronghorn.settings import Settings
from pronghorn.upstream import Call, Client, Deadlines, Handle
from pronghorn.upstream.connection import Connection
from pronghorn.wire.openai import Peek

_STREAMS = (b"text/event-stream", b"application/vnd.amazon.eventstream")


class QuickSink(Sink, Protocol):
    """A sink that takes a whole answer at once."""

    def at_once(self, status: int, headers: Headers, body: bytes) -> None:
        """`whole` without a pause."""


class FastLane:
    """One for the process."""

    def __init__(
        self,
        client: Client,
        holder: Holder,
        journal: Journal,
        budget: RetryBudget,
        crowd: Crowd,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._holder = holder
        self._journal = journal
        self._budget = budget
        self._crowd = crowd
        self._clock = clock
        self._metrics = metrics
        self.landings: Batch[Flight] = Batch(asyncio.get_running_loop(), Flight.land)
        self._limit = settings.max_answer_bytes
        self._deadlines = Deadlines(
            settings.connect_timeout_s,
            settings.first_byte_timeout_s,
            settings.idle_timeout_s,
            settings.total_timeout_s,
        )

    def begin(
        self,
        incoming: Incoming,
        snapshot: Snapshot,
        grant: Grant,
        endpoint: Endpoint,
        sink: QuickSink,
        resume: Callable[["Flight"], None],
    ) -> "Flight | None":
        """None: it is for the usual way, and nothing has happened yet."""
        if self._crowd.is_full() or not self._journal.is_well():
            return None
        try:
            peek = endpoint.peek(incoming.body)
            candidate = self._candidate(snapshot, grant, endpoint, peek)
            if candidate is None:
                return None
            exchange = Exchange(incoming, grant, endpoint, self._journal, self._metrics)
            call = self._call(exchange, snapshot.models[peek.model or ""], candidate, peek)
        except Exception:
            return None  # the usual way meets it again and says what it is
        if call is None or self._holder.hold_at_once(exchange, peek, exchange.body_bytes) is not None:
            return None
        connection = self._client.begin(call, self._deadlines, self._limit)
        if connection is None:
            exchange.return_hold()
            return None
        grant.enter(exchange.started_s, exchange.body_bytes)
        exchange.has_entered = True
        self._crowd.open += 1
        self._budget.deposit()
        candidate.begin(self._clock.monotonic())
        flight = Flight(self, exchange, peek, candidate, connection, sink, resume)
        connection.on_news = flight.on_news
        sink.on_disconnect(flight.caller_gone)
        return flight

    @staticmethod
    def _candidate(snapshot: Snapshot, grant: Grant, endpoint: Endpoint, peek: Peek) -> Candidate | None:
        """The only one that could be asked, if it is well and speaks the caller's dialect."""
        name = peek.model
        if not name or peek.stream or peek.models or peek.provider:
            return None
        model = snapshot.models.get(name)
        if (
            model is None
            or model.price is None
            or model.is_retired
            or not grant.allows_model(name)
            or not can_do(model, endpoint)
            or (snapshot.routes and snapshot.routes.of(name) is not None)
        ):
            return None
        candidate = snapshot.only(name, grant.group)
        if candidate is None or not candidate.is_well():
            return None
        channel = candidate.channel
        return candidate if channel.gate is None and channel.speaks(endpoint.name) else None

    @staticmethod
    def _call(exchange: Exchange, model: Model, candidate: Candidate, peek: Peek) -> Call | None:
        channel = candidate.channel
        exchange.model = model
        exchange.model_name = name = model.name
        assert model.price is not None
        exchange.price = model.price
        exchange.channel, exchange.place = channel, candidate.place
        exchange.upstream_model = channel.models.get(name, name)
        call = outgoing.build(exchange, channel, peek, None)
        return None if exchange.dropped else call

    def end(self, candidate: Candidate, connection: Connection) -> None:
        """The answer is on its way to the caller."""
        candidate.succeed(self._clock.monotonic())
        self._client.release(connection)
        self._crowd.open -= 1


class Flight:
    """One request from its sending on, until `land` delivers the answer or `hand_over` ends it here."""

    __slots__ = (
        "_connection",
        "_lane",
        "_resume",
        "_sink",
        "candidate",
        "exchange",
        "failure",
        "handle",
        "peek",
    )

    def __init__(
        self,
        lane: FastLane,
        exchange: Exchange,
        peek: Peek,
        candidate: Candidate,
        connection: Connection,
        sink: QuickSink,
        resume: Callable[["Flight"], None],
    ) -> None:
        self.exchange = exchange
        self.peek = peek
        self.candidate = candidate
        self.failure: Exception | None = None
        """What went wrong with us, not with the vendor."""
        self.handle: Handle | None = None
        """With the call that is under way, once it was handed over."""
        self._lane = lane
        self._connection = connection
        self._sink = sink
        self._resume = resume

    def caller_gone(self) -> None:
        self._connection.fail(CallerGone())

    def on_news(self) -> None:
        """The answer is whole, or there will be none."""
        self._lane.landings.add(self)

    def land(self) -> None:
        if self.handle is not None:
            return  # handed over meanwhile
        try:
            is_delivered = self._deliver()
        except Exception as error:  # the usual way raises it where there is somebody to tell
            self.failure = error
            is_delivered = False
        if is_delivered:
            self._lane.end(self.candidate, self._connection)
        else:
            self.hand_over()

    def hand_over(self) -> None:
        self._connection.on_news = None
        self.handle = Handle(self._connection)
        self._sink.on_disconnect(self.handle.caller_gone)
        self.candidate.leave()  # the usual way begins it anew
        self._resume(self)

    def _deliver(self) -> bool:
        """False: it is for the usual way, and nothing was settled. What comes after the settlement cannot fail."""
        connection, exchange = self._connection, self.exchange
        headers = dict(connection.headers)
        content_type = headers.get(b"content-type", b"")
        if (
            connection.error is not None
            or not 200 <= connection.status < 300
            or content_type.startswith(_STREAMS)
            or b"content-encoding" in headers
        ):
            return False
        body = connection.body()
        try:
            reading = exchange.endpoint.read(body, content_type)
        except UpstreamError:
            return False
        usage = reading.usage
        if usage is None:
            return False  # counting takes its time
        complete(exchange, usage, self.peek)
        attempt = Attempt(self.candidate.channel.id, connection.status, "", exchange.elapsed_ms())
        exchange.attempts.append(attempt)
        exchange.upstream_request_id = headers.get(b"x-request-id", b"").decode("latin-1")
        exchange.settle(200, "ok", usage=usage, is_free=is_free(exchange, reading), finish=reading.finish)
        if exchange.endpoint.is_turn or not content_type:
            content_type = JSON
        told = [(b"content-type", content_type), *answer_headers(exchange)]
        told.append((b"x-pronghorn-cost", format_usd(exchange.charge).encode()))
        self._sink.at_once(connection.status, told, body)
        return True
