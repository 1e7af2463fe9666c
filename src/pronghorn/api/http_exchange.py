"""One request of a connection and its response, as ASGI wants them, or without ASGI."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pronghorn.api.http_limits import BodyPace
from pronghorn.api.http_refusals import answer_of
from pronghorn.api.known_head import KnownHead
from pronghorn.api.smuggling import Refusal

if TYPE_CHECKING:
    from pronghorn.api.http_protocol import HttpConnection


class Flight(Protocol):
    """A request on its way without a task."""

    def hand_over(self) -> None:
        """Go on with a task, by `Exchange.go_on`."""


AtOnce = Callable[["Exchange"], Flight | None]
"""What an application may offer as `at_once`: to begin a request without a task. None: it wants to be called."""


class Exchange(RequestResponseCycle):
    """One request and its response, without the event, the body copies and the callbacks of uvicorn's own."""

    # What is the same for every new exchange costs nothing as a class attribute.
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0
    task: asyncio.Task[None] | None = None
    received = 0
    """Bytes of the body that came from the client."""
    taken = 0
    """Bytes of the body that the application has received."""
    raw = 0
    """Bytes read for this body, framing included, after the read that had the head in it."""
    drained = 0
    """Bytes thrown away because the response was complete before the request."""
    pace: BodyPace | None = None
    taken_before = 0
    """`taken` at the last sweep."""
    known: KnownHead | None = None
    """Its head, where it came before. Then `whole` is its body, all of it, and a `scope` is made if one is needed."""
    whole = b""
    flight: "Flight | None" = None
    """What the application does for it without a task of its own."""
    _has_news = False
    _waiters: list[asyncio.Future[None]] | None = None

    def __init__(
        self, connection: "HttpConnection", scope: Any, keep_alive: bool, expects_continue: bool
    ) -> None:
        # uvicorn's own __init__ is not called: it makes an event and a buffer that few requests need.
        self.connection = connection
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.access_logger = connection.access_logger
        self.access_log = connection.access_log
        self.default_headers = connection.server_state.default_headers
        # A final answer in place of "100 Continue" leaves open whether the body will come, so it ends the
        # connection; `_expect_no_more` puts keep-alive back.
        self.keep_alive = keep_alive and not expects_continue
        self.keep_alive_after_continue = keep_alive
        self.waiting_for_100_continue = expects_continue
        self._chunks: list[bytes] = []

    async def run_asgi(self, app: ASGI3Application) -> None:
        if self.disconnected:
            self._forget_task()
            return  # refused or gone before its turn came
        await self._run(app)

    def go_on(self, app: ASGI3Application) -> None:
        """After all with a task, which runs its way also when the client is gone."""
        self.flight = None
        if self.known is not None:
            self.scope = self.known.scope(self.received)
        self.task = self.connection.loop.create_task(self._run(app))
        self.connection.tasks.add(self.task)

    async def _run(self, app: ASGI3Application) -> None:
        try:
            await app(self.scope, self.receive, self.send)
            if not self.response_complete and not self.disconnected:
                raise RuntimeError("the application returned without a complete response")
        except BaseException as error:
            self.logger.error("http.application_failed", exc_info=error)
            self._fail()
        finally:
            self._forget_task()

    def _forget_task(self) -> None:
        if self.task is not None:
            self.connection.tasks.discard(self.task)
            self.task = None

    async def receive(self) -> ASGIReceiveEvent:
        if not self.disconnected and not self.response_complete:
            if self.waiting_for_100_continue:
                self._say_continue()
            if self.flow.read_paused:
                self.connection.resume_reading()
            if not self._has_news:
                await self._news()
        self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._take_body(), "more_body": self.more_body}

    @property
    def message_event(self) -> "Exchange":  # type: ignore[override]
        """What uvicorn sets when the response is complete."""
        return self

    def set(self) -> None:
        """Wake the application if it waits in `receive`."""
        self._has_news = True
        if self._waiters is not None:
            self._wake()

    def on_response(self) -> None:
        self.connection.on_response_complete()

    def add_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self.received += len(body)
        self.set()

    def end_body(self) -> None:
        self.more_body = False
        if self.waiting_for_100_continue:
            self._expect_no_more()
        self.set()

    def is_waiting(self) -> bool:
        """The application waits in `receive`."""
        return self._waiters is not None and not all(waiter.done() for waiter in self._waiters)

    def _fail(self) -> None:
        if self.disconnected or self.response_complete:
            return
        if self.response_started:
            self.transport.close()
            return
        self.keep_alive = False
        message = "The gateway failed on this request. Report the request id to its operator."
        self.connection.respond(500, *answer_of(Refusal(500, "internal_error", message), "server_error"))

    def _say_continue(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expect_no_more()

    def _expect_no_more(self) -> None:
        self.waiting_for_100_continue = False
        self.keep_alive = self.keep_alive_after_continue and not self.connection.is_stopping

    async def _news(self) -> None:
        waiter = self.connection.loop.create_future()
        if self._waiters is None:
            self._waiters = [waiter]
        else:
            self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _take_body(self) -> bytes:
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self.taken = self.received
        if self.flow.read_paused and not self.more_body:
            self.connection.resume_reading()  # or a client that hangs up would not be noticed
        return body


class OldExchange(Exchange):
    """Of HTTP/1.0, which knows no chunks: what is sent without a length ends where the connection does."""

    chunked_encoding = False  # type: ignore[assignment]

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.body":
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
