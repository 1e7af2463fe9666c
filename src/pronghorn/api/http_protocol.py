"""One HTTP/1.1 connection: uvicorn's protocol with limits on size and time, strict framing and a cheap way out.

Everything here runs for each request, so the rule is: no timer, task or lock per request; what can only
happen to a slow or hostile client is looked at once per sweep, or after a read that left a request unfinished.
A refused request ends its connection: nothing that came after it is ever parsed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pronghorn.api import known_head
from pronghorn.api.http_exchange import AtOnce, Exchange, OldExchange
from pronghorn.api.http_limits import BodyPace, HttpLimits
from pronghorn.api.http_refusals import (
    answer_of,
    expects_continue,
    headers_too_large,
    lines_of,
    too_slow,
    url_too_long,
)
from pronghorn.api.known_head import KnownHead
from pronghorn.api.smuggling import METHODS, Headers, Refusal, check_head, malformed, size_of, unquote_path
from pronghorn.kit.batch import Batch
from pronghorn.kit.outbox import Outbox

# What the next byte from the client belongs to. The order matters: true means "in the middle of something".
_BETWEEN, _HEAD_BEGUN, _HEAD, _BODY, _UPGRADE, _REFUSED = range(6)

_JOIN_LIMIT = 64 * 1024
_ASGI = {"version": "3.0", "spec_version": "2.3"}


def protocol_class(
    limits: HttpLimits | None = None, monotonic: Callable[[], float] = time.monotonic
) -> type["HttpConnection"]:
    """A class for `uvicorn.Config(http=...)`. Its connections share one sweep, so give each event loop its own."""
    limits = limits or HttpLimits()
    members = {"limits": limits, "sweeper": Sweeper(limits.sweep_s, monotonic)}
    return type("LimitedHttpConnection", (HttpConnection,), members)


class Sweeper:
    """One timer for all connections; it runs only while there are any."""

    def __init__(self, every_s: float, monotonic: Callable[[], float]) -> None:
        self._every_s = every_s
        self.now = monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.connections: set[HttpConnection] = set()

    def add(self, connection: "HttpConnection") -> None:
        if self._loop is not connection.loop:
            self._loop, self._timer = connection.loop, None
            self.outbox = Outbox(connection.loop)
            self.arrivals: Batch[Exchange] = Batch(connection.loop, _begin_known)
            self.connections.clear()
        self.connections.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(self._every_s, self._tick)

    def discard(self, connection: "HttpConnection") -> None:
        self.connections.discard(connection)

    def _tick(self) -> None:
        self._timer = None
        if self.connections and self._loop is not None:
            self._timer = self._loop.call_later(self._every_s, self._tick)
            self.sweep()

    def sweep(self) -> None:
        now = self.now()
        for connection in tuple(self.connections):
            connection.check_timeouts(now)


class HttpConnection(HttpToolsProtocol):
    """What the application finds as `scope["pronghorn.connection"]`; make the class with `protocol_class`."""

    limits: ClassVar[HttpLimits]
    sweeper: ClassVar[Sweeper]

    cycle: Exchange
    is_stopping = False
    _on_disconnect: Callable[[], None] | None = None
    _is_gone = False
    """The client left, or was sent away, before its response was complete."""
    _reading = _BETWEEN
    _active: Exchange | None = None
    """The exchange that the application is busy with; `cycle` is the last one whose head was read."""
    _refusal: bytes | None = None
    """The last answer of this connection, when others have to go out before it."""
    _known_host: bytes | None = None
    _known_head: KnownHead | None = None
    _heads_learned = 0
    _held = b""
    """A known head whose body is to come with the next read."""
    _read_bytes = 0
    """Size of the read that is being parsed."""
    _head_bytes = 0
    """Size of all reads that the head being parsed has a part in."""
    _foreign_bytes = 0
    """How much of `_head_bytes` may belong to requests before it; not 0 if this read has ended a request."""
    _since = 0.0
    """When the client began to owe us what we wait for: a head, the next request, the end of a body."""
    _thrown_away = 0
    _unsent = 0
    _unsent_since = 0.0

    # --- the transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.sweeper.now()
        self.sweeper.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.sweeper.discard(self)
        self._reading = _REFUSED
        self.pipeline.clear()
        hook = self._hang_up()
        super().connection_lost(exc)
        # Their scopes lead back here: let go, so that nothing waits for the garbage collector.
        self.cycle = self._known_head = None  # type: ignore[assignment]
        self._held = b""
        if hook is not None:
            hook()

    def data_received(self, data: bytes) -> None:
        before = self._reading
        self._read_bytes = size = len(data)
        if before == _HEAD:
            self._head_bytes += size
        elif before == _REFUSED:
            self._throw_away(size)
            return
        else:
            self._foreign_bytes = 0
        is_first = before == _BETWEEN and self._active is None
        if is_first and self._known_head is not None:
            held, self._held = self._held, b""
            if held:
                data = held + data
                self._read_bytes = size = len(data)
            if self._serve_known(self._known_head, data):
                return
            if not held and not self.is_stopping and self._known_head.is_begun_by(data):
                self._held = data
                return
        self._feed(data)
        if self._reading:
            self._check_unfinished(before, size)
        if is_first and self._reading in (_BETWEEN, _BODY):
            self._learn(data)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._active is None:
            self._go_on()

    def shutdown(self) -> None:
        self.is_stopping = True
        if self._held:
            self._feed_held()
        if self._active is not None and self._active.flight is not None:
            self._active.flight.hand_over()  # what has a task can be waited for, and cancelled
        if self._reading in (_HEAD_BEGUN, _HEAD) or (self._reading == _BETWEEN and self.cycle is None):
            self._since = self.sweeper.now()  # it was let in, and its request is on its way
            return
        self.sweeper.outbox.flush()
        super().shutdown()

    def _end(self) -> None:
        """Close, after what waits to be sent."""
        self.sweeper.outbox.flush()
        self.transport.close()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(self._reason(error))

    def _reason(self, error: httptools.HttpParserError) -> Refusal:
        cause = error.__context__
        if isinstance(cause, Refusal):
            return cause
        if cause is not None:
            self.logger.error("http.parser_callback_failed", exc_info=cause)
        return malformed(str(error) or "the parser gave up")

    # --- a request like the one before

    def _learn(self, data: bytes) -> None:
        cycle, limits = self.cycle, self.limits
        if cycle is None or not cycle.keep_alive or self.limit_concurrency is not None:
            return
        if self._heads_learned >= limits.heads_learned:
            return
        if len(data) - cycle.received < limits.header_bytes - known_head.MAX_DIGITS:
            self._heads_learned += 1
            self._known_head = known_head.learn(data, dict(cycle.scope)) or self._known_head

    def _feed_held(self) -> None:
        """The rest of it does not come with the next read: the parser's to watch over."""
        data, self._held = self._held, b""
        self._read_bytes = len(data)
        self._foreign_bytes = 0
        self._feed(data)
        if self._reading:
            self._check_unfinished(_BETWEEN, len(data))

    def _serve_known(self, known: KnownHead, data: bytes) -> bool:
        """False: it is another request, or not one alone, and the parser's to read."""
        body = known.body_of(data)
        if body is None or self.is_stopping or self.pipeline or self._refusal is not None:
            return False
        cycle = Exchange(self, None, True, False)
        cycle.add_body(body)
        cycle.more_body = False
        cycle.known, cycle.whole = known, body
        self.cycle = self._active = cycle
        self._foreign_bytes = self._read_bytes
        self.sweeper.arrivals.add(cycle)
        return True

    def begin_known(self, cycle: Exchange) -> None:
        """At the end of the turn that brought it."""
        known = cycle.known
        if cycle.disconnected or known is None:
            return
        at_once: AtOnce | None = getattr(self.app, "at_once", None)
        if at_once is not None and not self.is_stopping:
            try:
                cycle.flight = at_once(cycle)
            except Exception as error:  # the others of this turn are still to be begun
                self.logger.error("http.at_once_failed", exc_info=error)
        cycle.whole = b""  # who sleeps after this request keeps nothing of it
        if cycle.flight is not None:
            cycle._take_body()
            return
        cycle.scope = known.scope(cycle.received)
        self._start_asgi_task(cycle, self.app)

    # --- the parser's side

    def on_message_begin(self) -> None:
        self._reading = _HEAD_BEGUN
        self._head_bytes = self._read_bytes
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, url, headers, limits = self.parser, self.url, self.headers, self.limits
        self.headers = []  # trailers go here, and not into the scope of a request that is already being served
        if (
            self._head_bytes > limits.header_bytes
            or len(headers) > limits.header_count
            or len(url) > limits.url_bytes
        ):
            self._check_sizes(url, headers)
        fields = dict(headers)
        method = METHODS.get(parser.get_method(), "")
        version = parser.get_http_version()
        self._known_host = check_head(method, url, version, headers, fields, self._known_host)
        if parser.should_upgrade():
            self._prepare_upgrade(method, version, headers, fields)
            return
        raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote_path(path)
        if self.root_path:
            path = self.root_path + path
            raw_path = self.root_path.encode("ascii") + raw_path
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method,
            "root_path": self.root_path,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": headers,
            "state": {},
            "pronghorn.headers": fields,
            "pronghorn.connection": self,
        }
        expects = b"expect" in fields and expects_continue(version, fields[b"expect"])
        if version == "1.0":
            self._begin(OldExchange(self, scope, False, expects))
        else:
            self._begin(Exchange(self, scope, parser.should_keep_alive(), expects))

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.add_body(body)
        if cycle.received - cycle.taken > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self._reading != _BODY:
            return
        self._reading = _BETWEEN
        self._foreign_bytes = self._read_bytes
        self.cycle.end_body()

    def _check_sizes(self, url: bytes, headers: Headers) -> None:
        limits = self.limits
        if len(url) > limits.url_bytes:
            raise url_too_long(limits)
        if len(headers) > limits.header_count or size_of(url, headers) > limits.header_bytes:
            raise headers_too_large(limits)

    def _begin(self, exchange: Exchange) -> None:
        app = self.app
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit):
            app = service_unavailable
        if self._active is None and not self.pipeline:
            self._start_asgi_task(exchange, app)
        elif len(self.pipeline) < self.limits.pipelined:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, app))
        else:
            message = "Too many pipelined requests; wait for answers before sending more."
            raise Refusal(400, "too_many_pipelined", message)
        self.cycle = exchange
        self._reading = _BODY

    # --- the application's side

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        assert isinstance(cycle, Exchange)
        self._active = cycle
        cycle.task = task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)

    def whole_body(self) -> bytes | None:
        """The body if all of it is here, without a pause; None if `receive` has to wait for some of it."""
        cycle = self._active
        return None if cycle is None or cycle.more_body else cycle._take_body()

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Answer the present request in one write, in place of two ASGI events.

        `head` is header lines, each with its CRLF, among them the right content-length and never `connection`.
        A client that has gone is not an error. A second answer to one request raises `RuntimeError`.
        """
        cycle = self._active
        if cycle is None or cycle.response_started:
            if self._reading == _REFUSED and cycle is None:
                return
            raise RuntimeError("this request has been answered already")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.flight = None  # it leads back here, and would wait for the garbage collector
        if self.server_state.default_headers:
            head = lines_of(self.server_state.default_headers) + head
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        if cycle.known is None and cycle.scope["method"] == "HEAD":
            body = b""
        if len(body) >= _JOIN_LIMIT:
            self.sweeper.outbox.flush()
            self.transport.writelines((b"".join((STATUS_LINE[status], head, end)), body))
        else:
            self.sweeper.outbox.write(self.transport, b"".join((STATUS_LINE[status], head, end, body)))
        if not cycle.keep_alive:
            self._close()
        cycle.set()
        self.on_response_complete()

    @property
    def on_disconnect(self) -> Callable[[], None] | None:
        """Called once if the client goes away before the response is complete, even if it has gone already.

        Forgotten when the response is complete.
        """
        return self._on_disconnect

    @on_disconnect.setter
    def on_disconnect(self, hook: Callable[[], None] | None) -> None:
        if hook is not None and self._is_gone:
            self.loop.call_soon(hook)
        else:
            self._on_disconnect = hook

    def write_part(self, data: bytes) -> None:
        """Send a part of a response that was begun without a length, in place of an ASGI event."""
        cycle = self._active
        if cycle is not None and data:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if cycle.chunked_encoding else data)

    def break_off(self) -> None:
        """End the present response where it is and close, so that the client sees it cut; no call of the hook."""
        if self._active is not None:
            self._hang_up()
            self.pipeline.clear()
            self._reading = _REFUSED
            self._end()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._active = self._on_disconnect = None
        self._since = self.sweeper.now()
        if self.flow.read_paused or self.flow.write_paused or self._refusal is not None:
            self._go_on()

    def resume_reading(self) -> None:
        """Let more of the body come; not while requests wait in line, they would only pile up."""
        if not self.pipeline and self._refusal is None:
            self.flow.resume_reading()

    def _go_on(self) -> None:
        """After a response: the next request in line, the answer that ends the connection, or reading."""
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            # The client does not take its answers, so it gets no more of them made.
            self.flow.pause_reading()
        elif self.pipeline:
            # Not at once: a second answer to the last request must not become the first answer to this one.
            self.loop.call_soon(self._start_next)
        elif self._refusal is not None:
            self._send_last(self._refusal)
        else:
            self.flow.resume_reading()

    def _start_next(self) -> None:
        if self._active is None and self.pipeline and not self.transport.is_closing():
            exchange, app = self.pipeline.pop()
            self._start_asgi_task(exchange, app)

    def _hang_up(self) -> Callable[[], None] | None:
        """Tell the application that its client is gone; returns what else to call, at the end of everything."""
        exchange, hook = self._active, self._on_disconnect
        self._active = self._on_disconnect = None
        if exchange is None:
            return None
        self._is_gone = True
        exchange.disconnected = True
        exchange.set()
        return hook

    # --- refusing

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with an error, after the answers that are still owed, and read no further."""
        reading, self._reading = self._reading, _REFUSED
        if self.transport.is_closing():
            return
        head, body = answer_of(refusal)
        answer = b"".join((STATUS_LINE[refusal.status], head, b"connection: close\r\n\r\n", body))
        if reading != _BODY:
            self._send_in_turn(answer)
        elif self.pipeline:
            self.pipeline.popleft()
            self._send_in_turn(answer)
        elif self.cycle.response_started:
            # No room for an error, but the answer is cut off, so that nobody takes it for whole.
            self._hang_up_and_call()
            self._close()
        else:
            self._hang_up_and_call()
            self._send_last(answer)

    def _hang_up_and_call(self) -> None:
        hook = self._hang_up()
        if hook is not None:
            self.loop.call_soon(hook)

    def _send_in_turn(self, answer: bytes) -> None:
        if self._active is not None or self.pipeline:
            self._refusal = answer
            self.flow.pause_reading()
        else:
            self._send_last(answer)

    def _send_last(self, answer: bytes) -> None:
        self._refusal = None
        self.sweeper.outbox.flush()
        self.transport.write(answer)
        self._close()

    def _close(self) -> None:
        """Close, but hear the client out for a moment if it is in the middle of a request.

        Bytes that nobody reads make the kernel reset the connection, and the answer is lost on its way.
        """
        self.pipeline.clear()
        if self._reading in (_BETWEEN, _HEAD_BEGUN, _HEAD) or not self.transport.can_write_eof():
            self._end()
        if self.transport.is_closing():
            return
        self._reading = _REFUSED
        self._since = self.sweeper.now()
        self.sweeper.outbox.flush()
        self.transport.write_eof()
        self.flow.resume_reading()

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > self.limits.linger_bytes:
            self._end()

    # --- after a read that ended in the middle of a request

    def _check_unfinished(self, before: int, size: int) -> None:
        reading = self._reading
        if reading == _BODY:
            if before == _BODY and not self._foreign_bytes:
                self._check_framing(self.cycle, size)
        elif reading in (_HEAD_BEGUN, _HEAD):
            if reading == _HEAD_BEGUN:
                self._reading = _HEAD
                if self.cycle is not None:
                    self._since = self.sweeper.now()
            self._check_unfinished_head()

    def _check_framing(self, cycle: Exchange, size: int) -> None:
        limits = self.limits
        if cycle.response_complete:
            cycle.drained += size
            if cycle.drained > limits.linger_bytes:
                self._end()
            return
        cycle.raw += size
        if cycle.raw > limits.body_framing_bytes + 9 * cycle.received:
            self._refuse(malformed("more chunk extensions or trailers than data in the body"))

    def _check_unfinished_head(self) -> None:
        limits = self.limits
        if len(self.url) > limits.url_bytes:
            self._refuse(url_too_long(limits))
        elif self._head_bytes > limits.header_bytes and (
            self._head_bytes - self._foreign_bytes > limits.header_bytes
            or size_of(self.url, self.headers) > limits.header_bytes
        ):
            self._refuse(headers_too_large(limits))

    # --- upgrades

    def _prepare_upgrade(
        self, method: str, version: str, headers: Headers, fields: dict[bytes, bytes]
    ) -> None:
        self._reading = _UPGRADE
        self.scope = {"method": method, "headers": headers, "http_version": version}  # type: ignore[typeddict-item]
        if not self._is_websocket(fields):
            return
        if self._active is not None or self.pipeline:
            raise malformed("a WebSocket upgrade behind a request that is not answered yet")
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            raise malformed("a WebSocket upgrade with a body")

    def _is_websocket(self, fields: dict[bytes, bytes]) -> bool:
        return self.ws_protocol_class is not None and fields.get(b"upgrade", b"").lower() == b"websocket"

    def _upgrade(self, rest: bytes) -> None:
        if self._is_websocket(dict(self.scope["headers"])):
            self._become_websocket(rest)
        else:
            self._ignore_upgrade(rest)

    def _become_websocket(self, rest: bytes) -> None:
        self.sweeper.discard(self)
        self.handle_websocket_upgrade()
        self.parser = self.cycle = self._known_head = None  # type: ignore[assignment]
        if rest:
            protocol = self.transport.get_protocol()
            assert isinstance(protocol, asyncio.Protocol)
            protocol.data_received(rest)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request once more without its `Upgrade`: llhttp takes what follows it for another protocol.

        Left alone, the body of such a request would be dropped, or parsed as the next request.
        """
        head = [
            self.scope["method"].encode(),
            b" ",
            self.url,
            b" HTTP/",
            self.scope["http_version"].encode(),
            b"\r\n",
        ]
        for name, value in self.scope["headers"]:
            if name != b"upgrade":
                head += (name, b": ", value, b"\r\n")
        head += (b"\r\n", rest)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._reading = _BETWEEN
        self._feed(b"".join(head))

    # --- timeouts

    def check_timeouts(self, now: float) -> None:
        if self._held:
            self._feed_held()
        if self._is_write_stalled(now):
            self.transport.abort()
        elif self.flow.read_paused:
            self._since = now
            if self.cycle is not None:
                self.cycle.pace = None  # it is we who do not read
        elif not self.transport.is_closing():
            self._check_reading(now, now - self._since)

    def _is_write_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
            return False
        return now - self._unsent_since > self.limits.write_stall_s

    def _check_reading(self, now: float, waited: float) -> None:
        if self.is_stopping and self.cycle is None and waited > self.limits.let_in_s:
            self._end()
            return
        limits, reading = self.limits, self._reading
        is_busy = self._active is not None or bool(self.pipeline)
        if reading == _BODY:
            self._check_body(now, waited)
        elif reading == _BETWEEN:
            limit = limits.header_timeout_s if self.cycle is None else limits.keep_alive_s
            if not is_busy and waited > limit:
                self._end()
        elif reading == _REFUSED:
            if not is_busy and waited > limits.linger_s:
                self.transport.abort()
        elif waited > limits.header_timeout_s:
            self._refuse(too_slow("headers", limits.header_timeout_s))

    def _check_body(self, now: float, waited: float) -> None:
        cycle, limits = self.cycle, self.limits
        if cycle.response_complete:
            if waited > limits.linger_s:
                self._end()
            return
        # Who was woken a moment ago is not busy: a client that drips in step with the sweeps gains nothing.
        is_busy = cycle.taken == cycle.taken_before and not cycle.is_waiting()
        cycle.taken_before = cycle.taken
        if is_busy:
            cycle.pace = None
        elif cycle.pace is None:
            cycle.pace = BodyPace(limits, now, cycle.received)
        elif cycle.pace.is_too_slow(now, cycle.received):
            self._refuse(too_slow("body", limits.body_idle_timeout_s))


def _begin_known(cycles: list[Exchange]) -> None:
    for cycle in cycles:
        cycle.connection.begin_known(cycle)
