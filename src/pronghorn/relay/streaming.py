"""Streaming: one streamed answer on its way to the caller, whole events only."""

from typing import Protocol

from pronghorn.convert import errors
from pronghorn.convert.conversion import Conversion
from pronghorn.errors import CallerGone, PronghornError, UpstreamError, UpstreamTruncated
from pronghorn.kit import sse
from pronghorn.relay import outgoing
from pronghorn.relay.answer_headers import answer_headers
from pronghorn.relay.exchange import NOTHING, Exchange
from pronghorn.relay.framing import framing_of
from pronghorn.relay.incoming import Sink
from pronghorn.relay.measuring import complete, is_free, paints
from pronghorn.relay.reading import Reading
from pronghorn.relay.streams import StreamReader
from pronghorn.upstream import Answer
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

HELD_EVENTS = 64
HELD_BYTES = 256 * 1024


class Accountant(Protocol):
    """What `Delivery` does for each of its streams."""

    async def estimate(self, exchange: Exchange, peek: Peek, produced: str) -> Usage: ...

    async def so_far(self, exchange: Exchange, peek: Peek, reader: StreamReader) -> Usage: ...

    async def keep_signatures(self, exchange: Exchange) -> None: ...


class Stream:
    """One streamed answer. Bytes pass as they are; whole events only, so that a cut never shows as half a one."""

    def __init__(
        self, delivery: Accountant, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink
    ) -> None:
        assert exchange.target.stream is not None
        self._delivery = delivery
        self._exchange = exchange
        self.answer = answer
        self._peek = peek
        self._sink = sink
        self._reader: StreamReader = exchange.target.stream()
        self._reader.hides_usage = outgoing.asks_for_usage(exchange, peek)
        conversion = exchange.conversion
        self._translation = conversion.stream() if isinstance(conversion, Conversion) else None
        self._framing = framing_of(exchange)
        unframe = exchange.channel.vendor.unframe if exchange.channel is not None else None
        self._unframer = unframe() if unframe is not None else None
        self._splitter = sse.Splitter()
        self.is_committed = False
        """Something of this answer has been sent, so nobody else may answer."""
        self.events = 0
        self._held: list[bytes] = []
        self._failure: Exception | None = None
        """Of `_take`."""
        if exchange.pulse is not None:
            exchange.pulse.stream = self

    @property
    def is_inside_event(self) -> bool:
        return self._splitter.has_rest

    async def run(self) -> None:
        """Raises an `UpstreamError` as long as nothing of the answer has been sent: another may take over."""
        try:
            await self._hold_until_content()
            await self._pass_on()
        except (UpstreamError, CallerGone) as error:
            if not self.is_committed and not isinstance(error, CallerGone):
                raise
            await self._break_off(error)

    async def _hold_until_content(self) -> None:
        """Send nothing before the first content, so that a failure until then can still be mended."""
        reader, held = self._reader, self._held
        counted = events = size = 0
        while not (reader.has_content or reader.is_ended):
            data = await self.answer.chunk()
            if not data:
                self._end_of_body()
                break
            self._read(data)
            for event in held[counted:]:
                size += len(event)
                events += sse.data_of(event) is not None  # comments say nothing of an answer
            counted = len(held)
            if events > HELD_EVENTS or size > HELD_BYTES:
                break
        if reader.is_ended and not (reader.has_content or reader.finish):
            raise UpstreamError("the vendor's stream ended before it began")
        self._exchange.first_byte_ms = self._exchange.elapsed_ms()
        if not (reader.is_ended and reader.stops_there):
            await self._start()
            await self._flush()

    async def _start(self) -> None:
        exchange = self._exchange
        self.is_committed = True
        if not exchange.is_begun:
            exchange.is_begun = True
            await self._sink.start(200, self._framing.headers + answer_headers(exchange))

    async def _pass_on(self) -> None:
        reader, answer, sink = self._reader, self.answer, self._sink
        while not self._is_over():
            try:
                if sink.straight is not None:
                    await answer.each(self._take)
                    await sink.write(b"")  # waits while the caller reads too slowly
                if self._failure is not None:
                    raise self._failure
                if not self._held and not self._is_over():
                    data = await answer.chunk()
                    if not data:
                        self._end_of_body()
                        break
                    self._read(data)
                    data = b""  # a caller who reads slowly holds it once
            except UpstreamError:
                if not reader.is_ended:
                    raise
                break  # all of the answer has come, whatever follows
            if self._held and not self._is_over():
                await sink.write(self._out())
        usage = reader.usage or await self._delivery.estimate(self._exchange, self._peek, reader.text())
        complete(self._exchange, usage, self._peek)
        # What was said matters to few models, and putting it together costs time.
        said = reader.text() if paints(self._exchange) else ""
        is_unpaid = is_free(self._exchange, Reading(usage, reader.finish, not reader.has_content, said))
        if self._translation is not None:
            self._held.append(self._translation.end())
            await self._delivery.keep_signatures(self._exchange)
        self._exchange.settle(200, "ok", usage=usage, is_free=is_unpaid, finish=reader.finish)
        if not self.is_committed:
            await self._start()
        await self._flush()
        if last := self._framing.end():
            await sink.write(last)
        await sink.end()

    def _is_over(self) -> bool:
        return self._reader.is_ended and self._reader.stops_there

    def _out(self) -> bytes:
        """What is held, as it goes out."""
        held = self._held
        out = self._framing.write(held[0] if len(held) == 1 else b"".join(held))
        held.clear()
        return out

    def _take(self, data: bytes) -> bool:
        """What `_pass_on` does, without a pause: most of a stream goes this way. False: that has to go on."""
        straight = self._sink.straight
        try:
            self._read(data)
        except Exception as error:  # raised where it can be told
            self._failure = error
            return False
        if straight is None or self._is_over():
            return False
        if self._held:
            straight.write_part(self._out())
        return not straight.flow.write_paused

    def _read(self, data: bytes) -> None:
        """Take the events in; those for the caller wait in `_held`, also when a later one makes no sense."""
        reader, held = self._reader, self._held
        is_plain = self._translation is None
        try:
            if self._unframer is not None:
                data = self._unframer.feed(data)
            for event in self._splitter.feed(data):
                self.events += 1
                if not reader.read(event):
                    pass
                elif is_plain:
                    held.append(event)
                else:
                    self._keep(event)
                if reader.is_ended and reader.stops_there:
                    return
        except sse.EventTooLarge as error:
            raise UpstreamError("the vendor sent an event that is too large") from error
        except ValueError as error:
            raise UpstreamError("the vendor's stream is damaged") from error

    def _keep(self, event: bytes) -> None:
        """For the caller: as it is, or as the caller's dialect has it."""
        if self._translation is None:
            self._held.append(event)
        elif (payload := sse.data_of(event)) and (translated := self._translation.feed(payload)):
            self._held.append(translated)

    def _end_of_body(self) -> None:
        """The vendor ended: fine after its terminal event, a cut without it."""
        rest = self._splitter.end()
        try:
            is_shown = bool(rest.strip()) and self._reader.read(rest)
        except UpstreamError as error:
            raise UpstreamTruncated("the vendor's stream ended in the middle of an event") from error
        if is_shown:
            self._keep(rest if rest.endswith((b"\r\r", b"\n\r")) else rest.rstrip(b"\r\n") + b"\n\n")
        if not self._reader.is_ended:
            raise UpstreamTruncated("the vendor's stream ended without its terminal event")

    async def _flush(self) -> None:
        if self._held:
            await self._sink.write(self._out())

    async def _break_off(self, error: PronghornError) -> None:
        """Tell the caller what happened, never let it look complete, and charge what was relayed."""
        exchange, reader = self._exchange, self._reader
        exchange.upstream_failure = error
        self.answer.release()
        if isinstance(error, UpstreamError):
            await self._flush()
            said = errors.event(exchange.endpoint.dialect, error, exchange.incoming.id)
            await self._sink.write(self._framing.write(said))
        self._sink.break_off()
        usage = NOTHING
        if reader.has_content:
            usage = await self._delivery.so_far(exchange, self._peek, reader)
            complete(exchange, usage, self._peek)
        status = 200 if exchange.is_begun else error.status
        exchange.settle(status, error.end_reason, usage=usage, finish="truncated", error=error.message)
