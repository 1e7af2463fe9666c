"""One realtime session: events from the caller to the vendor and back, as they are, until one of the two has gone.

Each end is read only as fast as the other one takes. Whatever ends a session, the vendor's socket is closed first.
"""

import asyncio
import re
from typing import NamedTuple, Protocol

import msgspec

from pronghorn.convert.errors import OPENAI_TYPES
from pronghorn.errors import (
    AccessDenied,
    BadRequest,
    CallerGone,
    LimitReached,
    PronghornError,
    UpstreamError,
    UpstreamTruncated,
)
from pronghorn.kit.ids import new_id
from pronghorn.relay import realtime_usage as usages
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.realtime_tab import Services, Tab
from pronghorn.relay.realtime_usage import Said
from pronghorn.upstream.socket import VendorSocket
from pronghorn.wire import realtime
from pronghorn.wire.openai import is_present

SWITCHING_PROTOCOLS = 101
ABOUT_OUR_ACCOUNT = (
    "insufficient_quota",
    "invalid_api_key",
    "billing_hard_limit_reached",
    "account_deactivated",
)
_NORMAL, _GOING_AWAY, _POLICY, _TOO_LARGE, _INTERNAL, _RESTART = 1000, 1001, 1008, 1009, 1011, 1012
_AGAINST_THE_RULES = frozenset((1002, 1007, _TOO_LARGE))
"""Codes with which the server has closed a socket because of what the caller sent."""
_ORDERLY = frozenset((_NORMAL, _GOING_AWAY, _POLICY))
"""Codes with which a vendor ends a session on purpose, beside those of its own from 3000 up."""


class Caller(Protocol):
    """The caller's end of the socket."""

    close_code: int

    async def accept(self) -> None:
        """Finish the handshake. Raises `CallerGone`."""

    async def receive(self) -> str | None:
        """The next text; None once the caller has gone, for which `close_code` has the reason."""

    async def send(self, text: str) -> None:
        """Waits while the caller reads too slowly. Raises `CallerGone`."""

    async def close(self, code: int, reason: str = "") -> None:
        """A second call does nothing."""


class Ending(NamedTuple):
    code: int
    end_reason: str = "ok"
    error: PronghornError | None = None
    """The caller is told of it before the socket closes."""
    cut_reason: str = "client_gone"
    """How a response ended that was under way."""
    reason: str = ""
    """The vendor's own word for closing."""


class _Error(msgspec.Struct):
    code: str | None = None
    message: str = ""


class _ErrorEvent(msgspec.Struct):
    error: _Error | None = None


class Session:
    """`run` it once."""

    def __init__(self, services: Services, exchange: Exchange, tab: Tab, vendor: VendorSocket) -> None:
        self._services = services
        self._exchange = exchange
        self._tab = tab
        self._vendor = vendor
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._last_s = self._loop.time()

    async def run(self, caller: Caller, first_session: bytes = b"") -> None:
        """`first_session`: what the vendor is told of the session before the caller says anything; JSON."""
        ending = Ending(_INTERNAL, "shutdown", cut_reason="shutdown")
        try:
            ending = await self._until_the_end(caller, first_session)
        except PronghornError as error:
            ending = _ending(error)
        except Exception:
            ending = Ending(_INTERNAL, "bug", cut_reason="bug")
            raise
        finally:
            self._vendor.close(_NORMAL if ending.code == _NORMAL else _GOING_AWAY)
            told = ending.error
            status = told.status if told is not None else SWITCHING_PROTOCOLS
            message = told.message if told is not None else ""
            await self._tab.close(ending.end_reason, ending.cut_reason, status, message)
        await self._say_goodbye(caller, ending)

    async def _until_the_end(self, caller: Caller, first_session: bytes) -> Ending:
        await caller.accept()
        if first_session:
            event = b'{"type":"session.update","session":%b}' % first_session
            await self._to_vendor(event.decode(), caller)
        running = [
            self._loop.create_task(part)
            for part in (self._from_caller(caller), self._from_vendor(caller), self._watch())
        ]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        ended = [task for task in running if not task.cancelled()]
        # The caller's going is the reason for whatever else went wrong at the same moment.
        return ended[0].result()

    async def _say_goodbye(self, caller: Caller, ending: Ending) -> None:
        try:
            async with asyncio.timeout(1.0):
                if ending.error is not None:
                    await caller.send(_error_event(ending.error, self._exchange.incoming.id))
                await caller.close(ending.code, ending.reason)
        except (CallerGone, TimeoutError):
            pass  # nobody is there to hear it

    async def _watch(self) -> Ending:
        settings = self._services.settings
        while True:
            now = self._loop.time()
            idle_left = self._last_s + settings.socket_idle_s - now
            total_left = self._begun_s + settings.socket_total_s - now
            if total_left <= 0:
                message = (
                    f"your session hit the maximum duration of {settings.socket_total_s:g} s; open a new one"
                )
                return _over(LimitReached(message, code="session_expired"))
            if idle_left <= 0:
                message = f"nothing was said for {settings.socket_idle_s:g} s; open a new session"
                return _over(LimitReached(message, code="session_idle"))
            await asyncio.sleep(min(idle_left, total_left))

    # From the caller

    async def _from_caller(self, caller: Caller) -> Ending:
        while (text := await caller.receive()) is not None:
            self._last_s = self._loop.time()
            await self._to_vendor(text, caller)
        code = caller.close_code
        if code == _RESTART:
            return Ending(_RESTART, "shutdown", cut_reason="shutdown")
        if code in _AGAINST_THE_RULES:
            return Ending(code, "client_error")
        return Ending(_NORMAL, "ok" if code in (_NORMAL, _GOING_AWAY) else "client_gone")

    async def _to_vendor(self, text: str, caller: Caller) -> None:
        try:
            event = realtime.client_decoder.decode(text)
        except (ValueError, RecursionError):
            await self._tab.add(Said(text_bytes=len(text)))  # the vendor will say what is wrong with it
        else:
            if event.type == "input_audio_buffer.append":
                sound_s = usages.seconds_of(event.audio, self._tab.heard_bytes_per_s)
                await self._tab.add(Said(sound_s=sound_s))
            else:
                try:
                    text = self._updated(text, event) if is_present(event.session) else text
                except BadRequest as error:
                    await caller.send(_error_event(error, self._exchange.incoming.id, event.event_id))
                    return
                size, rate = len(text.encode("utf-8", "replace")), self._tab.heard_bytes_per_s
                said = usages.item_of(size, event.item, rate) if is_present(event.item) else Said(size)
                await self._tab.add(said)
        await self._vendor.send(text)

    def _updated(self, text: str, event: realtime.ClientEvent) -> str:
        """A session's settings, with names of models as the vendor has them. Raises `BadRequest`."""
        try:
            session = realtime.session_decoder.decode(event.session)
        except (ValueError, RecursionError):
            return text
        exchange, tab = self._exchange, self._tab
        changes: dict[str, str] = {}
        if session.model == exchange.model_name != exchange.upstream_model:
            changes["model"] = exchange.upstream_model
        audio = session.audio or realtime.Audio()
        if audio.input is not None:
            if audio.input.format is not None:
                tab.heard_bytes_per_s = usages.bytes_per_s(audio.input.format)
            if audio.input.transcription is not None:
                given = audio.input.transcription.model
                tab.transcription_model, upstream = self._transcriber(given or tab.transcription_model)
                if given and upstream != given:
                    changes["transcription"] = upstream
        if audio.output is not None and audio.output.format is not None:
            tab.spoken_bytes_per_s = usages.bytes_per_s(audio.output.format)
        if not changes:
            return text
        document = msgspec.json.decode(text)
        if "model" in changes:
            document["session"]["model"] = changes["model"]
        if "transcription" in changes:
            document["session"]["audio"]["input"]["transcription"]["model"] = changes["transcription"]
        return msgspec.json.encode(document).decode()

    def _transcriber(self, name: str) -> tuple[str, str]:
        """The model that is to write down what is heard: our name and the vendor's. Raises `BadRequest`."""
        exchange = self._exchange
        grant, channel = exchange.grant, exchange.channel
        assert channel is not None
        where = "session.audio.input.transcription.model"
        if not name:
            raise BadRequest(f"`{where}` must say which model writes down what is heard", param=where)
        model = self._services.loader.snapshot.models.get(name)
        if model is None:
            raise BadRequest(
                f"the model {name[:200]!r} does not exist here", param=where, code="model_not_found"
            )
        if not grant.allows_model(name):
            raise AccessDenied(f"this API key may not use the model {name!r}", param=where)
        if model.price is None and not (grant.is_test or self._services.settings.allow_unpriced):
            raise BadRequest(
                f"the model {name!r} has no price yet, so it cannot be sold",
                param=where,
                code="model_price_missing",
            )
        return name, channel.models.get(name, name)

    # From the vendor

    async def _from_vendor(self, caller: Caller) -> Ending:
        while (text := await self._vendor.receive()) is not None:
            self._last_s = self._loop.time()
            try:
                event = realtime.server_decoder.decode(text)
            except (ValueError, RecursionError):
                await caller.send(text)
                continue
            if event.type == "error" or (event.response is not None and event.response.status == "failed"):
                text = self._scrubbed(text)
            await self._tab.read(event)
            await caller.send(text)
            await self._tab.hold_next()
        return self._vendor_ending()

    def _vendor_ending(self) -> Ending:
        code, cut = self._vendor.close_code, "upstream_truncated"
        if code == _TOO_LARGE:
            too_large = UpstreamError("the vendor sent an event that is too large")
            return Ending(_INTERNAL, too_large.end_reason, too_large, cut)
        if self._tab.is_answering or not (code in _ORDERLY or 3000 <= code < 5000):
            broken = UpstreamTruncated("the vendor's session broke off")
            return Ending(_INTERNAL, broken.end_reason, broken, cut)
        return Ending(code, "ok", None, cut, self._scrubbed(self._vendor.close_reason))

    def _scrubbed(self, text: str) -> str:
        """What the vendor says of the request is passed on, what it says of our account there is not."""
        channel = self._exchange.channel
        assert channel is not None
        for secret in channel.secrets:
            text = text.replace(secret.decode(), "***")
        text = re.sub(re.escape(channel.origin.host), "***", text, flags=re.IGNORECASE)
        try:
            found = msgspec.json.decode(text, type=_ErrorEvent).error
        except ValueError:
            return text
        if found is not None and found.code in ABOUT_OUR_ACCOUNT:
            refused = UpstreamError(
                "the vendor refused the gateway's own credential; the operator has to look"
            )
            return _error_event(refused, self._exchange.incoming.id)
        return text


def _over(why: LimitReached) -> Ending:
    return Ending(_GOING_AWAY, why.end_reason, why, why.end_reason)


def _ending(error: PronghornError) -> Ending:
    if isinstance(error, CallerGone):
        return Ending(_NORMAL, error.end_reason)
    code = _INTERNAL if error.status >= 500 else _POLICY
    return Ending(code, error.end_reason, error, error.end_reason)


def _error_event(error: PronghornError, request_id: str, event_id: str | None = None) -> str:
    kind = OPENAI_TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    told = {
        "type": kind,
        "code": error.code_word,
        "message": f"{error.message} (request id: {request_id})",
        "param": error.param,
        "event_id": event_id,
    }
    shape = {"event_id": new_id("event"), "type": "error", "error": told}
    return msgspec.json.encode(shape).decode()
