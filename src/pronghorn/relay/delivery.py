"""Delivery: an accepted answer on its way to the caller, and what it costs.

Whatever happens here, the exchange is settled before the caller could take the answer for complete.
"""

import asyncio
import time

import msgspec

from pronghorn.errors import (
    CallerGone,
    PronghornError,
    UpstreamError,
    UpstreamTruncated,
)
from pronghorn.kit import sse
from pronghorn.kit.money import format_usd
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.ledger.usage import Usage
from pronghorn.relay import bounds, outgoing
from pronghorn.relay.exchange import NOTHING, Exchange
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.relay.reading import Reading
from pronghorn.relay.streams import StreamReader
from pronghorn.routing import Meter
from pronghorn.settings import Settings
from pronghorn.upstream import Answer
from pronghorn.wire.openai import Peek

SILENCE_S = 15.0
"""After this long without content the head is sent, so that nothing on the way gives up."""
HELD_EVENTS = 64
HELD_BYTES = 256 * 1024
SPEECH_TOKENS_PER_CHARACTER = 1.4
AUDIO_BYTES_PER_S = 16_000

STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Delivery:
    def __init__(self, tokenizer: Tokenizer, settings: Settings) -> None:
        self._tokenizer = tokenizer
        self._settings = settings

    async def deliver(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        """Raises an `UpstreamError` as long as nothing has been sent to the caller."""
        exchange.upstream_request_id = answer.header(b"x-request-id").decode("latin-1")
        content_type = answer.header(b"content-type")
        try:
            if content_type.startswith(b"text/event-stream") and exchange.endpoint.stream is not None:
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
        if exchange.is_stream:
            raise UpstreamError("the vendor answered without the stream that was asked for")
        reading = exchange.endpoint.read(body, content_type)
        usage = reading.usage or await self.estimate(exchange, peek, reading.text)
        _complete(exchange, usage, peek)
        exchange.settle(200, "ok", usage=usage, is_free=_is_free(reading), finish=reading.finish)
        headers = [(b"content-type", content_type or b"application/json"), *self.headers(exchange)]
        headers.append((b"x-pronghorn-cost", format_usd(exchange.charge).encode()))
        await sink.whole(answer.status, headers, body)

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


class _Stream:
    """One streamed answer. Bytes pass as they are; whole events only, so that a cut never shows as half a one."""

    def __init__(
        self, delivery: Delivery, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink
    ) -> None:
        assert exchange.endpoint.stream is not None
        self._delivery = delivery
        self._exchange = exchange
        self._answer = answer
        self._peek = peek
        self._sink = sink
        self._reader: StreamReader = exchange.endpoint.stream()
        self._reader.hides_usage = outgoing.asks_for_usage(exchange, peek)
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
        await self._sink.start(200, STREAM_HEADERS + self._delivery.headers(self._exchange))

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
                await sink.write(held[0] if len(held) == 1 else b"".join(held))
                held.clear()
        usage = reader.usage or await self._delivery.estimate(self._exchange, self._peek, reader.text())
        _complete(self._exchange, usage, self._peek)
        is_free = _is_free(Reading(usage, reader.finish, not reader.has_content))
        self._exchange.settle(200, "ok", usage=usage, is_free=is_free, finish=reader.finish)
        if not self._is_started:
            await self._start()
        await self._flush()
        await sink.end()

    def _read(self, data: bytes) -> None:
        """Take the events in; those for the caller wait in `_held`, also when a later one makes no sense."""
        reader, held = self._reader, self._held
        try:
            for event in self._splitter.feed(data):
                if reader.read(event):
                    held.append(event)
                if reader.is_ended and reader.stops_there:
                    return
        except sse.EventTooLarge as error:
            raise UpstreamError("the vendor sent an event that is too large") from error

    def _end_of_body(self) -> None:
        """The vendor ended: fine after its terminal event, a cut without it."""
        rest = self._splitter.end()
        try:
            is_shown = bool(rest.strip()) and self._reader.read(rest)
        except UpstreamError as error:
            raise UpstreamTruncated("the vendor's stream ended in the middle of an event") from error
        if is_shown:
            self._held.append(rest if rest.endswith((b"\r\r", b"\n\r")) else rest.rstrip(b"\r\n") + b"\n\n")
        if not self._reader.is_ended:
            raise UpstreamTruncated("the vendor's stream ended without its terminal event")

    async def _flush(self) -> None:
        if self._held:
            await self._sink.write(b"".join(self._held))
            self._held.clear()

    async def _break_off(self, error: PronghornError) -> None:
        """Tell the caller what happened, never let it look complete, and charge what was relayed."""
        exchange, reader = self._exchange, self._reader
        self._answer.release()
        if isinstance(error, UpstreamError):
            await self._flush()
            await self._sink.write(error_event(error, exchange.incoming.id))
        self._sink.break_off()
        usage = NOTHING
        if reader.has_content:
            usage = reader.usage or await self._delivery.estimate(exchange, self._peek, reader.text())
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


def error_event(error: PronghornError, request_id: str) -> bytes:
    body = {
        "error": {
            "message": f"{error.message} (request id: {request_id})",
            "type": "server_error",
            "param": None,
            "code": error.end_reason,
        }
    }
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _is_free(reading: Reading) -> bool:
    """An answer with nothing in it is not charged, unless the vendor says that a limit cut it to nothing."""
    return reading.is_empty and reading.finish not in ("length", "content_filter", "tool_calls")


def _complete(exchange: Exchange, usage: Usage, peek: Peek) -> None:
    """Add what is not counted by the vendor: the call itself, the kind of picture."""
    if exchange.price.is_by_call:
        usage.calls = 1
    if usage.images:
        usage.image_kind = bounds.image_kind(peek)
    if exchange.endpoint.measure == "speech":
        usage.characters = len(bounds.speech_input(peek))
