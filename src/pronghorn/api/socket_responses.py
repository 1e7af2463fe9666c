"""Responses over a WebSocket: each `response.create` is one ordinary streamed request, one after the other.

A response that is not stored is remembered for as long as it is the last one of its socket, as OpenAI does it.
Source: wire notes 11.1, `ResponsesClientEvent` in OpenAI's document.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from pronghorn.api.caller_socket import CallerSocket
from pronghorn.errors import BadRequest, CallerGone, LimitReached, PronghornError, UpstreamRejected
from pronghorn.kit import sse
from pronghorn.kit.clock import Clock
from pronghorn.kit.ids import request_id
from pronghorn.kit.tracebacks import let_go
from pronghorn.relay import Incoming, Responses
from pronghorn.relay.incoming import Headers
from pronghorn.routing import Grant
from pronghorn.settings import Settings
from pronghorn.wire.openai import members_decoder

WAITING = 16
"""Events that may wait for their turn; beyond them the socket is not read."""
_LAST = ("response.completed", "response.incomplete")
_GOING_AWAY = 1001
_NULL = msgspec.Raw(b"null")

Members = dict[str, msgspec.Raw]
Admit = Callable[[], tuple[Grant, str]]


class _Response(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] = []


class _Event(msgspec.Struct):
    type: str = ""
    response: _Response | None = None


class Remembered(NamedTuple):
    id: str
    items: list[msgspec.Raw]
    """What a following turn begins with, after what was stored before."""
    previous: msgspec.Raw
    """The stored response that came before, or null."""


class ResponsesSocket:
    """`run` it once; `admit` gives the caller's grant and address, each time anew."""

    def __init__(
        self,
        caller: CallerSocket,
        responses: Responses,
        admit: Admit,
        headers: dict[bytes, bytes],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._caller = caller
        self._responses = responses
        self._admit = admit
        self._headers = headers
        self._settings = settings
        self._clock = clock
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._hang_up: Callable[[], None] | None = None
        self._last: Remembered | None = None

    async def run(self) -> None:
        await self._caller.accept()
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self._settings.socket_total_s
        reading = loop.create_task(self._read())
        try:
            while (left_s := min(self._settings.socket_idle_s, ends_s - loop.time())) > 0:
                async with asyncio.timeout(left_s):
                    text = await self._waiting.get()
                if text is None:
                    return
                await self._respond(text)
            raise TimeoutError
        except TimeoutError:
            over = LimitReached(
                "this connection has been idle or open for too long; open a new one",
                code="websocket_connection_limit_reached",
            )
            await self._caller.send(_error_event(over, self._caller.request_id))
            await self._caller.close(_GOING_AWAY)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        """Apart from the answering, so that a caller who leaves is noticed in the middle of an answer."""
        text: str | None = ""
        while text is not None:
            try:
                text = await self._caller.receive()
            except BadRequest:
                text = ""  # no event, which is told in its turn
            if text is None and self._hang_up is not None:
                self._hang_up()
            await self._waiting.put(text)

    async def _respond(self, text: str) -> None:
        this_id = request_id()
        try:
            members, given = self._request(text)
            grant, client_ip = self._admit()
            content = msgspec.json.encode(members)
            incoming = Incoming(this_id, self._headers, content, None, client_ip, self._clock.now())
            frames = Frames(self._caller, self._on_disconnect)
            await self._responses.serve(incoming, grant, frames)
            if bytes(members.get("store", b"")) == b"false" and frames.last is not None:
                previous = members.get("previous_response_id", _NULL)
                items = [*given, *_repeatable(frames.last.output)]
                self._last = Remembered(frames.last.id, items, previous)
        except CallerGone:
            pass  # the next thing that is read says so
        except PronghornError as error:
            let_go(error)  # the socket stays
            await self._caller.send(_error_event(error, this_id))

    def _request(self, text: str) -> tuple[Members, list[msgspec.Raw]]:
        """The body of the request that this event stands for, and its input as items. Raises `BadRequest`."""
        try:
            members = members_decoder.decode(text)
        except (ValueError, RecursionError) as error:
            raise BadRequest("an event is a JSON object with a type", code="invalid_json") from error
        if bytes(members.pop("type", b"")) != b'"response.create"':
            raise BadRequest("the only event here is `response.create`", param="type", code="invalid_value")
        if bytes(members.get("background", b"null")) not in (b"null", b"false"):
            raise BadRequest("`background` is not supported over a WebSocket", param="background")
        members.pop("background", None)
        members["stream"] = msgspec.Raw(b"true")
        given = _items(members.get("input"))
        last = self._last
        if last is not None and bytes(members.get("previous_response_id", b"")) == _quoted(last.id):
            given = [*last.items, *given]
            members["input"] = msgspec.Raw(msgspec.json.encode(given))
            if len(members["input"]) > self._settings.max_body_bytes:
                raise BadRequest("the conversation has grown too large", param="previous_response_id")
            members["previous_response_id"] = last.previous
        return members, given

    def _on_disconnect(self, callback: Callable[[], None] | None) -> None:
        self._hang_up = callback


class Frames:
    """A `Sink` that sends each event as a text of its own. `last` is the response that ended properly."""

    straight = None

    def __init__(
        self, caller: CallerSocket, on_disconnect: Callable[[Callable[[], None] | None], None]
    ) -> None:
        self._caller = caller
        self._splitter = sse.Splitter()
        self._register = on_disconnect
        self.last: _Response | None = None

    def on_disconnect(self, callback: Callable[[], None] | None) -> None:
        self._register(callback)

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """A stream was asked for, so this is one that was complete at once."""
        await self.write(body)

    async def start(self, status: int, headers: Headers) -> None:
        pass  # a socket has no head

    async def write(self, data: bytes) -> None:
        for event in self._splitter.feed(data):
            payload = sse.data_of(event)
            if not payload or payload == b"[DONE]":
                continue
            if any(kind.encode() in payload[:200] for kind in _LAST):
                found = msgspec.json.decode(payload, type=_Event)
                self.last = found.response if found.type in _LAST else None
            await self._caller.send(payload.decode("utf-8", "replace"))

    async def end(self) -> None:
        pass  # the next response comes over the same socket

    def break_off(self) -> None:
        """The error event that came before is all that there is to say."""


def _items(given: msgspec.Raw | None) -> list[msgspec.Raw]:
    """The input as items; one text is one message. What is neither is for the vendor to refuse."""
    if given is None:
        return []
    try:
        return msgspec.json.decode(given, type=list[msgspec.Raw])
    except ValueError:
        message: dict[str, Any] = {"type": "message", "role": "user", "content": given}
        return [msgspec.Raw(msgspec.json.encode(message))]


def _quoted(text: str) -> bytes:
    return msgspec.json.encode(text)


class _Item(msgspec.Struct):
    type: str | None = None
    encrypted_content: str | None = None


def _repeatable(output: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """Reasoning that is neither stored nor encrypted cannot be said again."""
    found = [(raw, msgspec.json.decode(raw, type=_Item)) for raw in output]
    return [raw for raw, item in found if item.type != "reasoning" or item.encrypted_content]


class _Said(msgspec.Struct):
    message: str = ""
    code: str | None = None
    param: str | None = None


class _Body(msgspec.Struct):
    error: _Said


def _error_event(error: PronghornError, this_id: str) -> str:
    told = _Said(error.message, error.code_word, error.param)
    if isinstance(error, UpstreamRejected):
        with contextlib.suppress(ValueError):  # in another shape: our own words then
            told = msgspec.json.decode(error.body, type=_Body).error
    message = f"{told.message} (request id: {this_id})"
    event = {"type": "error", "code": told.code, "message": message, "param": told.param}
    return msgspec.json.encode(event | {"sequence_number": 0}).decode()
