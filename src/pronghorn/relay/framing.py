"""How a stream goes out: as server-sent events, or as one JSON array that grows (Gemini without `alt=sse`)."""

from typing import Protocol

from pronghorn.kit import sse
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.incoming import Headers


class Framing(Protocol):
    @property
    def headers(self) -> Headers:
        """The first one is the content type."""

    def write(self, events: bytes) -> bytes:
        """Whole server-sent events, as they go out."""

    def end(self) -> bytes:
        """What comes last, after a proper end alone."""


class Events:
    @property
    def headers(self) -> Headers:
        return _EVENT_HEADERS

    def write(self, events: bytes) -> bytes:
        return events

    def end(self) -> bytes:
        return b""


class Array:
    @property
    def headers(self) -> Headers:
        return _ARRAY_HEADERS

    def __init__(self) -> None:
        self._splitter = sse.Splitter()
        self._is_begun = False

    def write(self, events: bytes) -> bytes:
        out = b""
        for event in self._splitter.feed(events):
            if payload := sse.data_of(event):
                out += (b",\r\n" if self._is_begun else b"[") + payload
                self._is_begun = True
        return out

    def end(self) -> bytes:
        return b"]" if self._is_begun else b"[]"


_EVENT_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_ARRAY_HEADERS: Headers = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]
_EVENTS = Events()


def framing_of(exchange: Exchange) -> Framing:
    return Array() if exchange.incoming.is_array else _EVENTS
