"""The fast lane: what nearly every request is, served without a task and without a pause.

One channel alone serves the model, a connection to it is open, the purse has enough, the answer comes whole and good.
Whatever else a request wants or an answer brings goes the usual way: before anything was sent as if nothing had
happened, afterwards with the call that is under way. Both ways share each rule that decides about money.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pronghorn.errors import CallerGone, UpstreamError
from pronghorn.kit.batch import Batch
from pronghorn.kit.clock import Clock
from pronghorn.kit.money import format_usd
from pronghorn.ledger.journal import Attempt, Journal, Record, frame
from pronghorn.ledger.prices import Price
from pronghorn.observability import Metrics
from pronghorn.relay import outgoing
from pronghorn.relay.answer_headers import answer_headers
from pronghorn.relay.course import can_do
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.delivery import STREAMS
from pronghorn.relay.endpoints import JSON, Endpoint
from pronghorn.relay.exchange import Exchange, unwritten
from pronghorn.relay.holding import Holder
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.relay.measuring import complete, is_free
from pronghorn.routing import Candidate, Grant, Model, Snapshot
from pronghorn.routing.budget import RetryBudget
from pronghorn.settings import Settings
from pronghorn.upstream import Call, Client, Deadlines, Handle
from pronghorn.upstream.connection import Connection
from pronghorn.wire.openai import Peek


class QuickSink(Sink, Protocol):
    """A sink that takes a whole answer at once."""

    def at_once(self, status: int, lines: bytes, body: bytes) -> None:
        """`whole` without a pause. `lines`: headers, each with its CRLF."""


class Way(NamedTuple):
    """To the one channel that a model has."""

    model: Model
    price: Price
    upstream_model: str
    candidate: Candidate
    head: bytes
    """Of the request to the vendor."""


@dataclass(slots=True)
class Usual:
    """What all requests with one head have in common, as long as the configuration stays the same."""

    endpoint: Endpoint
    grant: Grant
    client_ip: str
    ways: dict[str, Way] = field(default_factory=dict)
    """By the name of the model."""


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
        self.landings: Batch[Flight] = Batch(asyncio.get_running_loop(), self._land)
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
        usual: Usual,
        sink: QuickSink,
        resume: Callable[["Flight"], None],
    ) -> "Flight | None":
        """None: it is for the usual way, and nothing has happened yet."""
        if self._crowd.is_full() or not self._journal.is_well():
            return None
        grant = usual.grant
        exchange = Exchange(incoming, grant, usual.endpoint, self._journal, self._metrics)
        try:
            peek = usual.endpoint.peek(incoming.body)
            way = usual.ways.get(peek.model or "") or _find_way(usual, snapshot, exchange, peek)
            if way is None or not way.candidate.is_well() or peek.stream or peek.models or peek.provider:
                return None
            call = _call(exchange, way, peek)
            if exchange.dropped or self._holder.hold_at_once(exchange, peek, exchange.body_bytes) is not None:
                return None
        except Exception:
            return None  # the usual way meets it again and says what it is
        connection = self._client.begin(call, self._deadlines, self._limit)
        if connection is None:
            exchange.return_hold()
            return None
        grant.enter(exchange.started_s, exchange.body_bytes)
        exchange.has_entered = True
        self._crowd.open += 1
        self._budget.deposit()
        way.candidate.begin(self._clock.monotonic())
        flight = Flight(self, exchange, peek, way.candidate, connection, sink, resume)
        connection.on_news = flight.on_news
        sink.on_disconnect(flight.caller_gone)
        return flight

    def _land(self, flights: list["Flight"]) -> None:
        """All that came in one turn: their records are one write, before the first of them is answered."""
        read = [flight for flight in flights if flight.read()]
        if not read:
            return
        failure: OSError | None = None
        try:
            self._journal.append_frames(b"".join([flight.frame for flight in read]))
        except OSError as error:
            failure = error
        for flight in read:
            flight.land(failure)

    def end(self, candidate: Candidate, connection: Connection) -> None:
        """The answer is on its way to the caller."""
        candidate.succeed(self._clock.monotonic())
        self._client.release(connection)
        self._crowd.open -= 1


class Flight:
    """One request from its sending on, until it lands or is handed over."""

    __slots__ = (
        "_connection",
        "_content_type",
        "_lane",
        "_record",
        "_resume",
        "_sink",
        "candidate",
        "exchange",
        "failure",
        "frame",
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
        self.frame: bytes
        """What is to be written down, once the answer was read."""
        self._record: Record
        self._content_type: bytes
        self._lane = lane
        self._connection = connection
        self._sink = sink
        self._resume = resume

    def caller_gone(self) -> None:
        self._connection.fail(CallerGone())

    def on_news(self) -> None:
        """The answer is whole, or there will be none."""
        self._lane.landings.add(self)

    def read(self) -> bool:
        """True: there is a `frame` to write, and then to `land`. False: it was handed over."""
        if self.handle is not None:
            return False
        try:
            is_usual = self._read()
        except Exception as error:  # the usual way raises it where there is somebody to tell
            self.failure = error
            is_usual = False
        if not is_usual:
            self.hand_over()
        return is_usual

    def land(self, failure: OSError | None) -> None:
        """Settle and answer. `failure`: the record could not be written."""
        exchange, record = self.exchange, self._record
        try:
            exchange.close("ok", record.usage, 0 if failure is not None else record.charge)
            if failure is not None:
                raise unwritten(exchange.incoming.id, failure)
            self._answer()
        except Exception as error:  # as above
            self.failure = error
            self.hand_over()
        else:
            self._lane.end(self.candidate, self._connection)

    def hand_over(self) -> None:
        self._connection.on_news = None
        self.handle = Handle(self._connection)
        self._sink.on_disconnect(self.handle.caller_gone)
        self.candidate.leave()  # the usual way begins it anew
        self._resume(self)

    def _read(self) -> bool:
        """False: it is for the usual way."""
        connection, exchange = self._connection, self.exchange
        headers = dict(connection.headers)
        content_type = headers.get(b"content-type", b"")
        if (
            connection.error is not None
            or not 200 <= connection.status < 300
            or (content_type != JSON and content_type.lower().startswith(STREAMS))
            or b"content-encoding" in headers
        ):
            return False
        endpoint = exchange.endpoint
        try:
            reading = endpoint.read(connection.body(), content_type)
        except UpstreamError:
            return False
        usage = reading.usage
        if usage is None:
            return False  # counting takes its time
        complete(exchange, usage, self.peek)
        attempt = Attempt(self.candidate.channel.id, connection.status, "", exchange.elapsed_ms())
        exchange.attempts.append(attempt)
        exchange.upstream_request_id = headers.get(b"x-request-id", b"").decode("latin-1")
        is_empty = is_free(exchange, reading)
        self._record = exchange.draw_up(200, "ok", usage, is_free=is_empty, finish=reading.finish)
        self.frame = frame(self._record)
        self._content_type = JSON if endpoint.is_json or not content_type else content_type
        return True

    def _answer(self) -> None:
        connection, exchange = self._connection, self.exchange
        cost = format_usd(exchange.charge).encode()
        lines = b"content-type: %b\r\nx-pronghorn-cost: %b\r\n" % (self._content_type, cost)
        for header in answer_headers(exchange):
            lines += b"%b: %b\r\n" % header
        self._sink.at_once(connection.status, lines, connection.take())


def _find_way(usual: Usual, snapshot: Snapshot, exchange: Exchange, peek: Peek) -> Way | None:
    """None: the model wants more looking at, or there is none."""
    name, grant, endpoint = peek.model or "", usual.grant, usual.endpoint
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
    if candidate is None or candidate.channel.gate is not None:
        return None
    channel = candidate.channel
    if not channel.speaks(endpoint.name):
        return None
    way = Way(model, model.price, channel.models.get(name, name), candidate, b"")
    _take(exchange, way)
    way = usual.ways[name] = way._replace(head=outgoing.build(exchange, channel, peek, None).head)
    return way


def _take(exchange: Exchange, way: Way) -> None:
    exchange.model, exchange.model_name = way.model, way.model.name
    exchange.price, exchange.upstream_model = way.price, way.upstream_model
    exchange.channel, exchange.place = way.candidate.channel, way.candidate.place


def _call(exchange: Exchange, way: Way, peek: Peek) -> Call:
    _take(exchange, way)
    channel = way.candidate.channel
    return Call(channel.origin, way.head, outgoing.json_body(exchange, channel, peek))
