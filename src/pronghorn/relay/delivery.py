"""Delivery: an accepted answer on its way to the caller, and what it costs.

Whatever happens here, the exchange is settled before the caller could take the answer for complete.
"""

from typing import Any

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
)
from pronghorn.kit import sse
from pronghorn.kit.money import format_usd
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.relay import bounds
from pronghorn.relay.answer_headers import answer_headers
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.framing import framing_of
from pronghorn.relay.incoming import Sink
from pronghorn.relay.measuring import complete, is_free
from pronghorn.relay.reading import Reading, subtitled_s
from pronghorn.relay.signatures import Signatures
from pronghorn.relay.streaming import Stream
from pronghorn.relay.streams import StreamReader
from pronghorn.upstream import Answer
from pronghorn.wire.openai import Peek
from pronghorn.wire.usage import Usage

SPEECH_TOKENS_PER_CHARACTER = 1.4
AUDIO_BYTES_PER_S = 16_000
STREAMS = (b"text/event-stream", b"application/vnd.amazon.eventstream")


class Delivery:
    def __init__(self, tokenizer: Tokenizer, signatures: Signatures) -> None:
        self._tokenizer = tokenizer
        self._signatures = signatures

    async def deliver(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        """Raises an `UpstreamError` as long as nothing has been sent to the caller."""
        exchange.upstream_request_id = answer.header(b"x-request-id").decode("latin-1")
        try:
            if await _is_stream(exchange, answer):
                if not exchange.is_stream and exchange.form is None:  # a form may say so behind its file
                    raise UpstreamError("the vendor answered with a stream that nobody asked for")
                await Stream(self, exchange, answer, peek, sink).run()
            elif exchange.endpoint.measure == "speech" and not exchange.is_begun:
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
        usage = reading.usage or await self.estimate(exchange, peek, reading.text)
        if reading.calls:
            usage.calls = reading.calls
        complete(exchange, usage, peek)
        # Some vendors answer whole whatever they are asked for. Who wants a stream of words gets one; of pictures and
        # sound the answer itself, unless a stream has begun.
        exchange.is_stream = exchange.is_stream and (exchange.endpoint.measure == "chat" or exchange.is_begun)
        if exchange.is_stream:
            body = events_of(exchange, body, reading)
        elif exchange.conversion is not None:
            body, content_type = exchange.conversion.reply(body), b"application/json"
            await self.keep_signatures(exchange)
        elif exchange.endpoint.is_json:
            content_type = b"application/json"
        exchange.settle(200, "ok", usage=usage, is_free=is_free(exchange, reading), finish=reading.finish)
        headers = [(b"content-type", content_type or b"application/json"), *answer_headers(exchange)]
        headers.append((b"x-pronghorn-cost", format_usd(exchange.charge).encode()))
        if exchange.is_stream:
            framing = framing_of(exchange)
            headers[0] = framing.headers[0]
            body = framing.write(body) + framing.end()
        if exchange.is_begun:
            await sink.write(body)
            await sink.end()
            return
        await sink.whole(answer.status, headers, body)

    async def tell(self, exchange: Exchange, error: PronghornError, sink: Sink) -> None:
        """What went wrong, to a caller who has the head of a stream already."""
        said = errors.event(exchange.endpoint.dialect, error, exchange.incoming.id)
        await sink.write(framing_of(exchange).write(said))
        sink.break_off()

    async def keep_signatures(self, exchange: Exchange) -> None:
        conversion = exchange.conversion
        if isinstance(conversion, Conversion):
            await self._signatures.keep(exchange.grant, conversion.answered)

    async def count(self, exchange: Exchange, sink: Sink) -> None:
        """Tokens of a request, counted by us because no vendor of this model does it."""
        tokens = await bounds.counted_input(exchange.incoming.body, self._tokenizer)
        exchange.settle(200, "ok", finish="stop")
        headers = [(b"content-type", b"application/json"), *answer_headers(exchange)]
        assert exchange.endpoint.counted is not None
        body = msgspec.json.encode(exchange.endpoint.counted(tokens))
        await sink.whole(200, headers, body)

    async def _sound(self, exchange: Exchange, answer: Answer, peek: Peek, sink: Sink) -> None:
        """Sound as it comes; its usage is known from the text that was asked for."""
        if exchange.pulse is not None:
            exchange.pulse.end()  # a ping would be heard
        content_type = answer.header(b"content-type")
        data = await answer.chunk()
        exchange.endpoint.read(data, content_type)
        if not data:
            raise UpstreamError("the vendor's answer is empty")
        exchange.is_stream = False
        exchange.first_byte_ms = exchange.elapsed_ms()
        usage = await self.estimate(exchange, peek, "")
        complete(exchange, usage, peek)
        await sink.start(answer.status, [(b"content-type", content_type), *answer_headers(exchange)])
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
            came_bytes = exchange.form.came_bytes if exchange.form is not None else 0
            usage.seconds = subtitled_s(produced) or came_bytes // AUDIO_BYTES_PER_S + 1
            usage.input = usage.seconds * bounds.AUDIO_TOKENS_PER_S
            usage.output = await self._tokenizer.count(produced)
        elif exchange.incoming.upload is None:
            usage.input = await bounds.counted_input(exchange.incoming.body, self._tokenizer)
            usage.output = await self._tokenizer.count(produced)
        return usage

    async def so_far(self, exchange: Exchange, peek: Peek, reader: StreamReader) -> Usage:
        """Of an answer that was cut. Where the vendor's output count is still its first guess, or zero, we count
        that.
        """
        usage = reader.usage
        if usage is None:
            return await self.estimate(exchange, peek, reader.text())
        if usage.is_estimated or not usage.output:
            usage.is_estimated = True
            usage.output = max(usage.output, await self._tokenizer.count(reader.text()))
        return usage


class _Pictures(msgspec.Struct):
    data: list[dict[str, Any]]


_pictures_decoder = msgspec.json.Decoder(_Pictures)
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
_PAINTED = {
    "images_generations": "image_generation.completed",
    "images_edits": "image_edit.completed",
}


def _event(type_: str, members: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type_.encode(), msgspec.json.encode({"type": type_} | members))


async def _is_stream(exchange: Exchange, answer: Answer) -> bool:
    """By its type, or by how it begins where a stream was asked for: some vendors name another type, or none."""
    content_type = answer.header(b"content-type").lower()
    if content_type.startswith(STREAMS):
        return True
    is_page = content_type.startswith(b"text/html")
    return exchange.is_stream and not is_page and sse.begins_stream(await answer.beginning())


def events_of(exchange: Exchange, body: bytes, reading: Reading) -> bytes:
    """A whole answer as the stream that was asked for. Raises `UpstreamError` where none can say it."""
    name = exchange.endpoint.name
    if name == "completions":
        return b"data: %b\n\ndata: [DONE]\n\n" % body.translate(_ONE_LINE)
    if name == "transcriptions":
        return _event("transcript.text.done", {"text": reading.text})
    if name in _PAINTED:
        try:
            pictures = _pictures_decoder.decode(body).data
        except (ValueError, RecursionError) as error:
            raise UpstreamError("the vendor's pictures are not told as this route does") from error
        return b"".join([_event(_PAINTED[name], picture) for picture in pictures])
    if not exchange.endpoint.is_turn:
        raise UpstreamError("the vendor answered without the stream that was asked for")
    conversion = exchange.conversion
    if isinstance(conversion, Conversion):
        return conversion.replayed(body)
    own = convert.load()[exchange.endpoint.name]
    try:
        turn = own.read_request(msgspec.json.decode(exchange.incoming.body))
    except (BadRequest, ValueError, RecursionError):
        turn = Turn(exchange.upstream_model)  # odd to us and not to the vendor, who has answered it
    return Conversion(own, own, turn, Target(model=exchange.upstream_model)).replayed(body)
