"""Delivery: an accepted answer on its way to the caller, and what it costs.

Whatever happens here, the exchange is settled before the caller could take the answer for complete.
"""

import asyncio
import re
import time

import msgspec

from pronghorn import convert
from pronghorn.convert import errors
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.turn import Turn
from pronghorn.errors import (
    BadRequest,
    CallerGone,
    PronghornError,
    UpstreamError,
    UpstreamTruncated,
)
from pronghorn.kit import sse
from pronghorn.kit.money import format_usd
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay import bounds, outgoing
from pronghorn.relay.exchange import NOTHING, Exchange
from pronghorn.relay.framing import framing_of
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.relay.reading import Reading
from pronghorn.relay.signatures import Signatures
from pronghorn.relay.streams import StreamReader
from pronghorn.routing import Meter
from pronghorn.settings import Settings
from pronghorn.upstream import Answer
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

SILENCE_S = 15.0
"""After this long without content the head is sent, so that nothing on the way gives up."""
HELD_EVENTS = 64
HELD_BYTES = 256 * 1024
SPEECH_TOKENS_PER_CHARACTER = 1.4
AUDIO_BYTES_PER_S = 16_000

MAX_DROPPED_BYTES = 2048
_PICTURE = re.compile(r"!\[[^\]]*\]\(|https?://\S+\.(?:png|jpe?g|webp|gif)|data:image/", re.IGNORECASE)


class Delivery:
    def __init__(self, tokenizer: Tokenizer, settings: Settings, signatures: Signatures) -> None:
        self._tokenizer = tokenizer
        self._settings = settings
        self._signatures = signatures

    async def deliver(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        """Raises an `UpstreamError` as long as nothing has been sent to the caller."""
        exchange.upstream_request_id = answer.header(b"x-request-id").decode("latin-1")
        content_type = answer.header(b"content-type")
        try:
            is_stream = content_type.startswith((b"text/event-stream", b"application/vnd.amazon.eventstream"))
            if is_stream and exchange.target.stream is not None:
                exchange.is_stream = True
                await _Stream(self, exchange, answer, peek, sink).run()
            elif exchange.endpoint.measure == "speech":
                await self._sound(exchange, answer, peek, sink)
            else:
                await self._whole(exchange, answer, peek, sink)
        except BaseException:
            answer.release()
            raise
        answer.finish_soon()

    async def _whole(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        body = answer.take_whole() if answer.is_whole else await answer.whole()
        content_type = answer.header(b"content-type")
        reading = exchange.target.read(body, content_type)
        if exchange.is_stream and not exchange.endpoint.is_turn:
            raise UpstreamError("the vendor answered without the stream that was asked for")
        usage = reading.usage or await self.estimate(exchange, peek, reading.text)
        _complete(exchange, usage, peek)
        if exchange.is_stream:
            # Some vendors answer whole whatever they are asked for. The caller wants a stream and gets one.
            body = events_of(exchange, body)
        elif exchange.conversion is not None:
            body, content_type = exchange.conversion.reply(body), b"application/json"
            await self.keep_signatures(exchange)
        exchange.settle(200, "ok", usage=usage, is_free=_is_free(exchange, reading), finish=reading.finish)
        headers = [(b"content-type", content_type or b"application/json"), *self.headers(exchange)]
        headers.append((b"x-pronghorn-cost", format_usd(exchange.charge).encode()))
        if exchange.is_stream:
            framing = framing_of(exchange)
            headers[0] = framing.headers[0]
            body = framing.write(body) + framing.end()
        await sink.whole(answer.status, headers, body)

    async def keep_signatures(self, exchange: Exchange) -> None:
        conversion = exchange.conversion
        if isinstance(conversion, Conversion):
            await self._signatures.keep(exchange.grant, conversion.answered)

    async def count(self, exchange: Exchange, sink: Sink) -> None:
        """Tokens of a request, counted by us because no vendor of this model does it."""
        tokens = await bounds.counted_input(exchange.incoming.body, self._tokenizer)
        exchange.settle(200, "ok", finish="stop")
        headers = [(b"content-type", b"application/json"), *self.headers(exchange)]
        assert exchange.endpoint.counted is not None
        body = msgspec.json.encode(exchange.endpoint.counted(tokens))
        await sink.whole(200, headers, body)

    async def _sound(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        """Sound as it comes; its usage is known from the text that was asked for."""
        content_type = answer.header(b"content-type")
        data = await answer.chunk()
        exchange.endpoint.read(data, content_type)
        if not data:
            raise UpstreamError("the vendor's answer is empty")
        exchange.first_byte_ms = exchange.elapsed_ms()
        usage = await self.estimate(exchange, peek, "")
        _complete(exchange, usage, peek)
        await sink.start(answer.status, [(b"content-type", content_type), *self.headers(exchange)])
        try:
            while data:
                await sink.write(data)
                data = await answer.chunk()
        except (UpstreamError, CallerGone) as error:
            exchange.upstream_failure = error
            exchange.settle(200, error.end_reason, usage=usage, finish="truncated", error=error.message)
            answer.release()
            sink.break_off()
            return
        exchange.settle(200, "ok", usage=usage, finish="stop")
        await sink.end()

    def headers(self, exchange: Exchange) -> Headers:
        """What we say beside the answer."""
        meter = exchange.grant.meter
        headers = rate_headers(meter) if meter.requests or meter.tokens else []
        if exchange.adjusted_limit:
            headers.append((b"x-pronghorn-adjusted", b"max_tokens=%d" % exchange.adjusted_limit))
        if exchange.upstream_model != exchange.model_name:
            alias = f"{exchange.model_name} -> {exchange.upstream_model}"
            headers.append((b"x-pronghorn-model", alias.encode("ascii", "replace")))
        if exchange.dropped:
            headers.append((b"x-pronghorn-dropped", dropped_value(exchange.dropped)))
        if exchange.endpoint.dialect == "messages":
            headers.append((b"request-id", exchange.incoming.id.encode()))
        return headers

    async def estimate(self, exchange: Exchange, peek: Peek, produced: str) -> Usage:
        """Usage by our own count, for a vendor that gave none."""
        measure = exchange.endpoint.measure
        usage = Usage(is_estimated=True)
        if measure == "speech":
            text = bounds.speech_input(peek)
            usage.characters = len(text)
            usage.input = await self._tokenizer.count(text)
            usage.output = int(len(text) * SPEECH_TOKENS_PER_CHARACTER)
        elif measure == "audio":
            length = exchange.incoming.headers.get(b"content-length", b"")
            usage.seconds = (int(length) if length.isdigit() else 0) // AUDIO_BYTES_PER_S + 1
            usage.input = usage.seconds * bounds.AUDIO_TOKENS_PER_S
            usage.output = await self._tokenizer.count(produced)
        elif exchange.incoming.upload is None:
            usage.input = await bounds.counted_input(exchange.incoming.body, self._tokenizer)
            usage.output = await self._tokenizer.count(produced)
        return usage

    async def so_far(self, exchange: Exchange, peek: Peek, reader: StreamReader) -> Usage:
        """Of an answer that was cut. Where the vendor's output count is still its first guess, we count that."""
        usage = reader.usage
        if usage is None:
            return await self.estimate(exchange, peek, reader.text())
        if usage.is_estimated:
            usage.output = max(usage.output, await self._tokenizer.count(reader.text()))
        return usage


class _Stream:
    """One streamed answer. Bytes pass as they are; whole events only, so that a cut never shows as half a one."""

    def __init__(
        self, delivery: Delivery, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink
    ) -> None:
        assert exchange.target.stream is not None
        self._delivery = delivery
        self._exchange = exchange
        self._answer = answer
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
        self._is_started = False
        self._held: list[bytes] = []

    async def run(self) -> None:
        try:
            await self._hold_until_content()
            await self._pass_on()
        except (UpstreamError, CallerGone) as error:
            if not self._is_started and not isinstance(error, CallerGone):
                raise
            await self._break_off(error)

    async def _hold_until_content(self) -> None:
        """Send nothing before the first content, so that a failure until then is still a proper error."""
        reader, held_bytes = self._reader, 0
        try:
            async with asyncio.timeout(SILENCE_S):
                while not (reader.has_content or reader.is_ended):
                    data = await self._answer.chunk()
                    if not data:
                        self._end_of_body()
                        break
                    self._read(data)
                    held_bytes += len(data)
                    if len(self._held) > HELD_EVENTS or held_bytes > HELD_BYTES:
                        break
        except TimeoutError:
            pass  # the vendor thinks; the caller hears from us now, and the answer goes on
        self._exchange.first_byte_ms = self._exchange.elapsed_ms()
        if not (reader.is_ended and reader.stops_there):
            await self._start()
            await self._flush()

    async def _start(self) -> None:
        self._is_started = True
        await self._sink.start(200, self._framing.headers + self._delivery.headers(self._exchange))

    async def _pass_on(self) -> None:
        reader, answer, sink = self._reader, self._answer, self._sink
        while not (reader.is_ended and reader.stops_there):
            data = await answer.chunk()
            if not data:
                self._end_of_body()
                break
            self._read(data)
            held = self._held
            if held and not (reader.is_ended and reader.stops_there):
                await sink.write(self._framing.write(held[0] if len(held) == 1 else b"".join(held)))
                held.clear()
        usage = reader.usage or await self._delivery.estimate(self._exchange, self._peek, reader.text())
        _complete(self._exchange, usage, self._peek)
        # What was said matters to few models, and putting it together costs time.
        said = reader.text() if _paints(self._exchange) else ""
        is_free = _is_free(self._exchange, Reading(usage, reader.finish, not reader.has_content, said))
        if self._translation is not None:
            self._held.append(self._translation.end())
            await self._delivery.keep_signatures(self._exchange)
        self._exchange.settle(200, "ok", usage=usage, is_free=is_free, finish=reader.finish)
        if not self._is_started:
            await self._start()
        await self._flush()
        if last := self._framing.end():
            await sink.write(last)
        await sink.end()

    def _read(self, data: bytes) -> None:
        """Take the events in; those for the caller wait in `_held`, also when a later one makes no sense."""
        reader = self._reader
        try:
            if self._unframer is not None:
                data = self._unframer.feed(data)
            for event in self._splitter.feed(data):
                if reader.read(event):
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
            await self._sink.write(self._framing.write(b"".join(self._held)))
            self._held.clear()

    async def _break_off(self, error: PronghornError) -> None:
        """Tell the caller what happened, never let it look complete, and charge what was relayed."""
        exchange, reader = self._exchange, self._reader
        exchange.upstream_failure = error
        self._answer.release()
        if isinstance(error, UpstreamError):
            await self._flush()
            said = errors.event(exchange.endpoint.dialect, error, exchange.incoming.id)
            await self._sink.write(self._framing.write(said))
        self._sink.break_off()
        usage = NOTHING
        if reader.has_content:
            usage = await self._delivery.so_far(exchange, self._peek, reader)
            _complete(exchange, usage, self._peek)
        status = 200 if self._is_started else error.status
        exchange.settle(status, error.end_reason, usage=usage, finish="truncated", error=error.message)


def rate_headers(meter: Meter) -> Headers:
    """`x-ratelimit-*` as OpenAI's SDKs read them, for keys that have such limits."""
    headers: Headers = []
    for bucket, what in ((meter.requests, b"requests"), (meter.tokens, b"tokens")):
        if bucket is not None:
            level = bucket.level(time.monotonic())
            headers += [
                (b"x-ratelimit-limit-" + what, b"%d" % bucket.per_minute),
                (b"x-ratelimit-remaining-" + what, b"%d" % max(level, 0)),
                (b"x-ratelimit-reset-" + what, b"%dms" % (bucket.wait_s(bucket.per_minute) * 1000)),
            ]
    return headers


def dropped_value(paths: list[str]) -> bytes:
    """The paths that fit into a header of a sensible size, and a mark where they did not all."""
    kept: list[str] = []
    size = 0
    for path in paths:
        size += len(path) + 2
        if size > MAX_DROPPED_BYTES:
            return ", ".join([*kept, "..."]).encode("ascii", "replace")
        kept.append(path)
    return ", ".join(kept).encode("ascii", "replace")


def events_of(exchange: Exchange, body: bytes) -> bytes:
    """A whole answer as the stream that was asked for."""
    conversion = exchange.conversion
    if isinstance(conversion, Conversion):
        return conversion.replayed(body)
    own = convert.load()[exchange.endpoint.name]
    try:
        turn = own.read_request(msgspec.json.decode(exchange.incoming.body))
    except (BadRequest, ValueError, RecursionError):
        turn = Turn(exchange.upstream_model)  # odd to us and not to the vendor, who has answered it
    return Conversion(own, own, turn, Target(model=exchange.upstream_model)).replayed(body)


def _is_free(exchange: Exchange, reading: Reading) -> bool:
    """An answer with nothing in it is not charged, unless the vendor says that a limit cut it to nothing.

    Models that paint through chat apologise under a status of success: without a picture there is nothing in it.
    """
    if reading.finish in ("length", "content_filter", "tool_calls"):
        return False
    if _paints(exchange):
        return _PICTURE.search(reading.text) is None
    return reading.is_empty


def _paints(exchange: Exchange) -> bool:
    return exchange.model is not None and "chat_images" in exchange.model.capabilities


def _complete(exchange: Exchange, usage: Usage, peek: Peek) -> None:
    """Add what is not counted by the vendor: the call itself, the kind of picture."""
    if exchange.price.is_by_call:
        usage.calls = 1
    if usage.images:
        usage.image_kind = bounds.image_kind(peek)
    if exchange.endpoint.measure == "speech":
        usage.characters = len(bounds.speech_input(peek))
