"""The WebSocket doors: realtime sessions and their client secrets, and Responses over a socket.

What is refused is refused in the handshake, with its HTTP status and OpenAI's words; no key is ever echoed.
"""

import contextlib
import re
from urllib.parse import parse_qs

import msgspec
import structlog

from pronghorn.accounts.secrets import Secrets
from pronghorn.api import body
from pronghorn.api.caller_socket import CallerSocket
from pronghorn.api.credentials import Doorkeeper
from pronghorn.api.paths import normalise
from pronghorn.api.reply import Receive, Reply, Scope, Send
from pronghorn.api.socket_responses import ResponsesSocket
from pronghorn.convert import errors
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.errors import (
    AccessDenied,
    BadRequest,
    CallerGone,
    MethodNotAllowed,
    ModelNotFound,
    PronghornError,
    Unauthenticated,
    UpgradeRequired,
)
from pronghorn.kit.clock import Clock
from pronghorn.kit.ids import new_id, request_id
from pronghorn.kit.tracebacks import let_go
from pronghorn.relay import Incoming, Responses
from pronghorn.relay.realtime import Realtime
from pronghorn.relay.realtime_secret import LIFE_S, LONGEST_S, SHORTEST_S, ClientSecret, seal, unseal
from pronghorn.routing import Grant, Loader, Snapshot
from pronghorn.settings import Settings
from pronghorn.wire import realtime
from pronghorn.wire.openai import is_present

REALTIME_PATHS = ("/v1/realtime", "/realtime", "/openai/realtime", "/openai/v1/realtime")
RESPONSES_PATHS = ("/v1/responses", "/responses")
PROTOCOL = "realtime"
MAX_SECRET_BODY = 1024 * 1024
"""Of what makes a client secret: a session with its instructions and tools."""
DEFAULT_MODEL, DEFAULT_TRANSCRIBER = "gpt-realtime", "gpt-4o-transcribe"
_SECRET = re.compile(rb"(?:^|[\s,.])(ek_[\w-]{40,})")

log = structlog.get_logger()


class SocketKeeper(Doorkeeper):
    """Knows client secrets too, which stand for the key that they were made with."""

    def __init__(self, secrets: Secrets, trusted_proxies: tuple[str, ...], clock: Clock) -> None:
        super().__init__(secrets, trusted_proxies)
        self._secrets = secrets
        self._clock = clock

    def client_secret(self, scope: Scope) -> ClientSecret | None:
        """The client secret that was given; None without one. Raises `Unauthenticated`."""
        for name, value in scope["headers"]:
            if name in (b"authorization", b"sec-websocket-protocol") and (found := _SECRET.search(value)):
                return unseal(self._secrets, found[1].decode(), self._clock.now())
        return None

    def seal(self, secret: ClientSecret) -> str:
        return seal(self._secrets, secret)

    def _look_up(self, snapshot: Snapshot, scope: Scope) -> Grant:
        secret = self.client_secret(scope)
        if secret is None:
            return super()._look_up(snapshot, scope)
        for grant in snapshot.grants.values():
            if grant.key_id == secret.key_id:
                return grant
        raise Unauthenticated("the API key that made this client secret is not valid any more")


class Sockets:
    """One for the process."""

    def __init__(
        self,
        *,
        realtime: Realtime,
        responses: Responses,
        loader: Loader,
        keeper: SocketKeeper,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._realtime = realtime
        self._responses = responses
        self._loader = loader
        self._keeper = keeper
        self._settings = settings
        self._clock = clock

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket, from its handshake to its end."""
        offered = scope["subprotocols"]
        protocol = PROTOCOL if PROTOCOL in offered else None
        caller = CallerSocket(receive, send, request_id(), protocol=protocol)
        try:
            await receive()  # `websocket.connect`
            path = normalise(scope["path"]).path
            if path in REALTIME_PATHS:
                await self._open_realtime(scope, caller)
            elif path in RESPONSES_PATHS:
                await self._open_responses(scope, caller)
            else:
                raise UpgradeRequired
        except CallerGone:
            pass
        except PronghornError as error:
            await self._refuse(caller, error)
            let_go(error)
        except Exception as error:
            log.error("socket.failed", request_id=caller.request_id, exc_info=error)
            await self._refuse(caller, PronghornError("the gateway failed on this request; report its id"))

    @staticmethod
    async def _refuse(caller: CallerSocket, error: PronghornError) -> None:
        # Gone, or accepted before: then the server closes the socket.
        with contextlib.suppress(CallerGone, RuntimeError):
            await caller.refuse(*errors.render("chat", error, caller.request_id))

    async def _open_realtime(self, scope: Scope, caller: CallerSocket) -> None:
        secret = self._keeper.client_secret(scope)
        grant, client_ip = self._admit(scope)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if secret is not None:
            model, is_transcription = secret.model, secret.is_transcription
            first = secret.session.encode()
        else:
            is_transcription = query.get("intent") == ["transcription"]
            model = (query.get("model") or query.get("deployment") or [""])[-1]
            first = b""
        if not model:
            raise BadRequest(
                "you must provide a model parameter, as in /v1/realtime?model=gpt-realtime",
                param="model",
                code="missing_model",
            )
        incoming = Incoming(
            caller.request_id,
            dict(scope["headers"]),
            b"",
            None,
            client_ip,
            self._clock.now(),
            model,
            is_stream=True,
        )
        session = await self._realtime.open(incoming, grant, is_transcription=is_transcription)
        await session.run(caller, first)

    async def _open_responses(self, scope: Scope, caller: CallerSocket) -> None:
        if self._keeper.client_secret(scope) is not None:
            raise AccessDenied("client secrets are for realtime sessions; use an API key here")
        self._admit(scope)
        headers = dict(scope["headers"])
        answering = ResponsesSocket(
            caller, self._responses, lambda: self._admit(scope), headers, self._settings, self._clock
        )
        await answering.run()

    def _admit(self, scope: Scope) -> tuple[Grant, str]:
        return self._keeper.admit(self._loader.snapshot, scope, self._clock.now())

    async def create_secret(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        """POST /v1/realtime/client_secrets."""
        if scope["method"] != "POST":
            raise MethodNotAllowed(scope["path"], scope["method"], "POST", "OPTIONS")
        grant, _ = self._keeper.admit(self._loader.snapshot, scope, self._clock.now())
        if self._keeper.client_secret(scope) is not None:
            raise AccessDenied("a client secret cannot make another one; use an API key")
        headers = dict(scope["headers"])
        limit = min(MAX_SECRET_BODY, self._settings.max_body_bytes)
        body.check_length(headers, limit)
        content = body.unpack(await body.read(receive, limit), headers, limit)
        asked = _read_request(content)
        session, model = self._session(asked.session, grant)
        expires_s = int(self._clock.now()) + _life_s(asked.expires_after)
        told = {name: value for name, value in session.items() if name not in ("model", "id", "object")}
        secret = ClientSecret(
            key_id=grant.key_id,
            expires_s=expires_s,
            model=model,
            is_transcription=session["type"] == "transcription",
            session=msgspec.json.encode(told).decode() if len(told) > 1 else "",
        )
        kind = "transcription_session" if secret.is_transcription else "session"
        shown = session | {"id": new_id("sess"), "object": f"realtime.{kind}"}
        answer = {"value": self._keeper.seal(secret), "expires_at": expires_s, "session": shown}
        await reply.whole(200, [JSON_HEADER], msgspec.json.encode(answer))

    def _session(self, given: msgspec.Raw, grant: Grant) -> tuple[dict[str, object], str]:
        """The session as it was asked for, and its model. Raises `BadRequest`."""
        session: dict[str, object] = {"type": "realtime"}
        try:
            if is_present(given):
                session = msgspec.json.decode(given, type=dict[str, object])
            known = realtime.session_decoder.decode(msgspec.json.encode(session))
        except ValueError as error:
            raise BadRequest(f"`session` is not valid: {error}", param="session") from error
        if known.type not in ("realtime", "transcription"):
            raise BadRequest("`session.type` must be `realtime` or `transcription`", param="session.type")
        if known.type == "realtime":
            model = known.model or DEFAULT_MODEL
            session["model"] = model
        else:
            hearing = known.audio.input if known.audio is not None else None
            transcription = hearing.transcription if hearing is not None else None
            model = (transcription.model if transcription is not None else None) or DEFAULT_TRANSCRIBER
        if model not in self._loader.snapshot.models:
            raise ModelNotFound(f"the model {model[:200]!r} does not exist here", param="session.model")
        if not grant.allows_model(model):
            raise AccessDenied(f"this API key may not use the model {model!r}", param="session.model")
        return session, model


def _read_request(content: bytes) -> realtime.SecretRequest:
    try:
        return realtime.secret_decoder.decode(content or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not valid: {error}") from error


def _life_s(asked: realtime.Expiry | None) -> int:
    if asked is None or asked.seconds is None:
        return LIFE_S
    if asked.anchor != "created_at" or not SHORTEST_S <= asked.seconds <= LONGEST_S:
        raise BadRequest(
            f"`expires_after` counts from created_at, {SHORTEST_S} to {LONGEST_S} seconds",
            param="expires_after.seconds",
        )
    return asked.seconds
