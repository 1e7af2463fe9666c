"""A vendor that costs next to nothing: answers are rendered once per model, a request only finds and writes them.

`python -m bench.stub --port N` serves until it is told to stop; `bench.chat` says what a model name asks for.
"""

import argparse
import asyncio
import gc
import time
from functools import lru_cache
from typing import cast

import httptools
import msgspec
import uvloop

from bench import chat

_LISTING = b'{"object":"list","data":[]}'
_JSON_HEAD = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_MARK = "t=" + "0" * chat.STAMP_DIGITS


class _Options(msgspec.Struct):
    include_usage: bool = False


class _Peek(msgspec.Struct):
    model: str
    stream: bool = False
    stream_options: _Options | None = None


_peek = msgspec.json.Decoder(_Peek).decode


def _frame(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json(status: bytes, body: bytes) -> bytes:
    return _JSON_HEAD % (status, len(body)) + body


@lru_cache(maxsize=64)
def _answer(model: str) -> bytes:
    return _json(b"200 OK", chat.answer_body(model))


class Rendered:
    """One model's stream: everything up to the first chunk, a chunk cut around its stamp, and the end."""

    def __init__(self, model: str, include_usage: bool) -> None:
        script = chat.parse_model(model)
        self.chunks, self.gap_s = script.chunks, script.gap_s
        self.opening = _STREAM_HEAD + _frame(
            chat.event(model, chat.choice({"role": "assistant", "content": "", "refusal": None}), None)
        )
        chunk = _frame(chat.event(model, chat.choice({"content": f"{_MARK} of the words "}), None))
        self.before, self.after = chunk.split(_MARK.encode())
        self.before += b"t="
        self.end = _frame(chat.event(model, chat.choice({}, "stop"), None))
        if include_usage:
            self.end += _frame(chat.event(model, [], chat.usage()))
        self.end += _frame(chat.DONE) + b"0\r\n\r\n"
        self.without_gap = self.opening + chunk * script.chunks + self.end

    def chunk(self) -> bytes:
        return b"%b%0*d%b" % (self.before, chat.STAMP_DIGITS, time.monotonic_ns(), self.after)


rendered = lru_cache(maxsize=64)(Rendered)


class Stub(asyncio.Protocol):
    """One keep-alive connection."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class derives from nothing

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        if not self.body:
            self.transport.write(_json(b"200 OK", _LISTING))
            return
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        try:
            wanted = _peek(body)
            if wanted.stream:
                options = wanted.stream_options
                self._stream(rendered(wanted.model, options is not None and options.include_usage))
            else:
                self.transport.write(_answer(wanted.model))
        except (ValueError, msgspec.MsgspecError) as error:
            refusal = msgspec.json.encode({"error": {"message": str(error), "type": "invalid_request_error"}})
            self.transport.write(_json(b"400 Bad Request", refusal))

    def _stream(self, rendered: Rendered) -> None:
        if rendered.gap_s == 0:
            self.transport.write(rendered.without_gap)
            return
        self.transport.write(rendered.opening)
        self._tick(rendered, rendered.chunks, self.loop.time())

    def _tick(self, rendered: Rendered, left: int, due: float) -> None:
        self.transport.write(rendered.chunk())
        if left == 1:
            self.timer = None
            self.transport.write(rendered.end)
            return
        due += rendered.gap_s
        self.timer = self.loop.call_at(due, self._tick, rendered, left - 1, due)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(loop), "127.0.0.1", port, backlog=4096)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stub", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
