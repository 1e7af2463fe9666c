"""A response that runs in the background: nobody waits for it, any number of callers may follow it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from pronghorn.errors import PronghornError
from pronghorn.kit import sse
from pronghorn.kit.tracebacks import let_go
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.relay.response_memory import ENDED, Kept, Memory, event_of, failure, rendered
from pronghorn.routing import Grant

KEPT_EVENTS_BYTES = 4 * 1024 * 1024

Ended = Callable[["Run"], Awaitable[None]]

log = structlog.get_logger()


class Run:
    """A response in the background: the sink of its relay, and a log of events that any number of callers follow."""

    straight = None

    def __init__(self, id: str, grant: Grant, kept: Kept, memory: Memory, ended: Ended) -> None:
        """`ended` is called with the run once it is over, whatever became of it."""
        self._ended = ended
        self.id = id
        self.grant = grant
        self.kept = kept
        self.memory = memory
        self._events: list[bytes] = []
        self._news = asyncio.Condition()
        self._splitter = sse.Splitter()
        self._hang_up: Any = None
        self._task: asyncio.Task[None] | None = None
        self._was_cancelled = self._is_over = False
        self._is_decided = asyncio.Event()
        """It was let in, or never will be."""
        self._refusal: PronghornError | None = None

    def belongs_to(self, grant: Grant) -> bool:
        return (self.grant.account_id, self.grant.mode) == (grant.account_id, grant.mode)

    def launch(self, relaying: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(relaying))

    async def refusal(self) -> PronghornError | None:
        """Why it may not run: known as soon as a vendor would be asked. None: it runs."""
        await self._is_decided.wait()
        return self._refusal

    async def _run(self, relaying: Any) -> None:
        try:
            await relaying
        except PronghornError as error:
            self.kept.response |= failure(error.message)
            if not self._is_decided.is_set():
                self._refusal = error
            let_go(error)
        except asyncio.CancelledError:
            self.kept.response |= failure("the gateway was stopped")
        except Exception as error:
            log.error("response.failed", response=self.id, exc_info=error)
            self.kept.response |= failure("the gateway failed on this response")
        if self._was_cancelled:
            self.kept.response |= {"status": "cancelled", "error": None}
        elif self.kept.response["status"] not in ENDED:
            self.kept.response |= failure("the answer broke off before its end")
        await self._ended(self)
        self._is_decided.set()
        async with self._news:
            self._is_over = True
            self._news.notify_all()

    def told(self) -> list[str]:
        """All its events, unless they are too many to be kept."""
        is_short = sum(map(len, self._events)) <= KEPT_EVENTS_BYTES
        return [event.decode() for event in self._events] if is_short else []

    async def cancel(self) -> None:
        """Like a caller who hangs up: what was produced is charged."""
        assert self._task is not None
        self._was_cancelled = True
        if self._hang_up is not None:
            self._hang_up()
        else:
            self._task.cancel()
        await asyncio.wait((self._task,))

    async def follow(self, sink: Sink, after: int) -> None:
        """Send the events with a higher number than `after`, those to come included."""
        assert self._task is not None
        await sink.start(200, [(b"content-type", b"text/event-stream; charset=utf-8")])
        place = after + 1
        while True:
            async with self._news:
                while len(self._events) <= place and not self._is_over:
                    await self._news.wait()
            for event in self._events[place:]:
                await sink.write(event)
            place = max(place, len(self._events))
            if self._is_over and place >= len(self._events):
                break
        await sink.end()

    # The sink of the relay

    def on_disconnect(self, callback: Any) -> None:
        self._hang_up = callback
        if callback is not None:
            self._is_decided.set()  # whoever can be hung up on is about to ask

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.write(body)

    async def start(self, status: int, headers: Headers) -> None:
        self.kept.response["status"] = "in_progress"

    async def write(self, data: bytes) -> None:
        for event in self._splitter.feed(data):
            found = event_of(event)
            if found is None:
                continue
            found["sequence_number"] = len(self._events)
            if isinstance(found.get("response"), dict):
                found["response"] |= {"id": self.id, "background": True, "store": True}
                found["response"]["previous_response_id"] = self.memory.previous
                self.kept.response = found["response"]
            async with self._news:
                self._events.append(rendered(found))
                self._news.notify_all()

    async def end(self) -> None:
        pass

    def break_off(self) -> None:
        pass
