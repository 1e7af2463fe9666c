"""Pulse: keeps a caller's stream alive while the vendor thinks, and ends one that only drips.

One timer looks at all open streams, so that none of them pays for a timer of its own.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from pronghorn.errors import CallerGone, UpstreamTimeout
from pronghorn.relay.answer_headers import answer_headers
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.framing import framing_of
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.settings import Settings

if TYPE_CHECKING:
    from pronghorn.relay.streaming import Stream

MAX_SWEEP_S = 1.0
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_COMMENT = b": ping\n\n"


class Pulse:
    """Of one exchange whose answer is streamed, over all its attempts."""

    __slots__ = ("_events", "_is_over", "_part_since_s", "_sink", "exchange", "spoke_s", "stream")

    def __init__(self, exchange: Exchange, sink: Sink, now_s: float) -> None:
        self.exchange = exchange
        self._sink = sink
        self.stream: Stream | None = None
        """The answer that is read now."""
        self.spoke_s = now_s
        """When the caller last heard of us, as far as the stream does not know better."""
        self._part_since_s = now_s
        self._events = -1
        self._is_over = False

    def end(self) -> None:
        self._is_over = True

    def silent_s(self, now_s: float) -> float:
        stream = self.stream
        if stream is None or not stream.is_committed:
            return now_s - self.spoke_s
        return now_s - max(self.spoke_s, stream.answer.last_read_s)

    def dripped_s(self, now_s: float) -> float:
        """How long the event that has begun has been coming."""
        stream = self.stream
        if stream is None or not stream.is_inside_event or stream.events != self._events:
            self._events = -1 if stream is None else stream.events
            self._part_since_s = now_s
        return now_s - self._part_since_s

    async def beat(self, headers: Headers, ping: bytes) -> None:
        """Send the head, or where that is out already a ping."""
        exchange = self.exchange
        if self._is_over or exchange.is_settled:
            return
        with suppress(CallerGone):
            if not exchange.is_begun:
                exchange.is_begun = True
                await self._sink.start(200, headers)
            elif ping:
                await self._sink.write(ping)


class Pulses:
    """One for the process."""

    def __init__(self, settings: Settings) -> None:
        self._ping_s = settings.ping_s
        self._event_s = settings.event_timeout_s
        self._has_comments = settings.chat_pings
        self._sweep_s = min(MAX_SWEEP_S, self._ping_s / 4, self._event_s / 4)
        self._open: set[Pulse] = set()
        self._beats: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, exchange: Exchange, sink: Sink) -> Pulse:
        loop = asyncio.get_running_loop()
        pulse = Pulse(exchange, sink, loop.time())
        self._open.add(pulse)
        if self._timer is None:
            self._timer = loop.call_later(self._sweep_s, self._sweep, loop)
        return pulse

    def end(self, pulse: Pulse) -> None:
        pulse.end()
        pulse.exchange.pulse = None  # they lead to each other, and would wait for the garbage collector
        self._open.discard(pulse)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        for pulse in self._open:
            if pulse.silent_s(now_s) >= self._ping_s:
                pulse.spoke_s = now_s
                beat = loop.create_task(pulse.beat(_head(pulse.exchange), self._ping(pulse.exchange)))
                self._beats.add(beat)
                beat.add_done_callback(self._beats.discard)
            if pulse.stream is not None and pulse.dripped_s(now_s) > self._event_s:
                pulse.stream.answer.fail(
                    UpstreamTimeout(
                        f"the vendor took longer than {self._event_s:g} s for one event of its stream"
                    )
                )
        self._timer = loop.call_later(self._sweep_s, self._sweep, loop) if self._open else None

    def _ping(self, exchange: Exchange) -> bytes:
        if exchange.incoming.is_array:
            return b""
        if exchange.endpoint.dialect == "messages":
            return _PING
        return _COMMENT if self._has_comments else b""


def _head(exchange: Exchange) -> Headers:
    return framing_of(exchange).headers + answer_headers(exchange)
