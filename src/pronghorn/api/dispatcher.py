"""The dispatcher: one look at the path decides which door a request goes to, before any framework sees it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import ref

import msgspec
import structlog

from pronghorn.api import billing, body, chat_with_input, front, gemini, models, responses
from pronghorn.api.credentials import Doorkeeper
from pronghorn.api.known_head import KnownHead
from pronghorn.api.paths import normalise
from pronghorn.api.reply import Connection, Receive, Reply, Scope, Send
from pronghorn.convert import errors
from pronghorn.convert.errors import JSON_HEADER
from pronghorn.errors import (
    CallerGone,
    MethodNotAllowed,
    NotFound,
    PronghornError,
    UnsupportedMediaType,
    UpgradeRequired,
)
from pronghorn.kit.clock import Clock
from pronghorn.kit.ids import request_id
from pronghorn.kit.later import OnDemand
from pronghorn.kit.tracebacks import let_go
from pronghorn.ledger.credit import Credit
from pronghorn.observability import Metrics
from pronghorn.relay import ENDPOINTS, Endpoint, Incoming, Relay, Responses, Sink
from pronghorn.relay.endpoints import JSON, MULTIPART
from pronghorn.relay.exchange import STRICT
from pronghorn.relay.fast_lane import Flight, Usual
from pronghorn.relay.idempotency import IDEMPOTENCY_KEY, Idempotency
from pronghorn.relay.outgoing import SIMULATE
from pronghorn.routing import Grant, Loader, Snapshot
from pronghorn.routing.control import HEADER
from pronghorn.settings import Settings

if TYPE_CHECKING:
    from pronghorn.api.sockets import Sockets
    from pronghorn.api.tasks import Office

SECRETS_PATH = "/v1/realtime/client_secrets"
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Readiness = Callable[[], Awaitable[dict[str, Any]]]

ALLOWED_METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"

log = structlog.get_logger()


class Given(NamedTuple):
    """What the path says of a request: see `Incoming`."""

    model: str | None = None
    is_stream: bool | None = None
    is_array: bool = False


NOTHING_GIVEN = Given()

_UNUSUAL = frozenset((IDEMPOTENCY_KEY, SIMULATE, HEADER.encode(), STRICT, b"content-encoding"))
"""Headers that the fast lane knows nothing of."""


class Cycle(Protocol):
    """A request as the server has it."""

    connection: Connection
    send: Send
    known: KnownHead
    whole: bytes

    def go_on(self, app: Asgi) -> None:
        """Call `app` for it, as a task."""


class Dispatcher:
    """The ASGI application. `manage` gets everything under `/manage`, `portal` the rest under `/api` and `/pay`."""

    def __init__(
        self,
        *,
        relay: Relay,
        responses: Responses,
        idempotency: Idempotency,
        loader: Loader,
        credit: Credit,
        doorkeeper: Doorkeeper,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        manage: OnDemand[Asgi],
        portal: OnDemand[Asgi],
        readiness: Readiness,
        sockets: "OnDemand[Sockets]",
        office: "OnDemand[Office]",
    ) -> None:
        self._relay = relay
        self._responses = responses
        self._idempotency = idempotency
        self._loader = loader
        self._credit = credit
        self._doorkeeper = doorkeeper
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._manage = manage
        self._portal = portal
        self._readiness = readiness
        self._sockets = sockets
        self._office = office
        self._crowd = relay.crowd
        self.room = body.Room(settings.bodies_in_flight_bytes)
        # Each endpoint by the path that most clients use, so that one look-up is enough for them.
        self._endpoints = {f"{prefix}/{path}": e for path, e in ENDPOINTS.items() for prefix in ("/v1", "")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await (await self._sockets()).serve(scope, receive, send)
            return
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None and scope["path"].startswith("/manage/"):
            await (await self._manage())(scope, receive, send)
            return
        reply = Reply(scope.get("pronghorn.connection"), send, request_id())
        try:
            if scope["method"] == "OPTIONS":
                await _preflight(scope, reply)
            elif endpoint is not None:
                self._crowd.enter()
                try:
                    await self._to_relay(scope, receive, reply, endpoint)
                finally:
                    self._crowd.open -= 1
            else:
                await self._elsewhere(scope, receive, send, reply)
        except Exception as error:  # a door: whatever it is, the caller gets an answer
            await _answer_failure(scope, reply, error)

    def at_once(self, cycle: Cycle) -> Flight | None:
        """Begin a request without a task. None: it has to be called for as usual."""
        known, body, snapshot = cycle.known, cycle.whole, self._loader.snapshot
        about = known.about
        if about is None or about[0]() is not snapshot:
            about = known.about = ref(snapshot), self._usual(known.scope(len(body)), snapshot)
        usual: Usual | None = about[1]
        if usual is None or len(body) > self._settings.max_body_bytes:
            return None
        if usual.endpoint.name == "chat" and chat_with_input.is_one(body):
            return None
        reply = Reply(cycle.connection, cycle.send, request_id())
        now_s = self._clock.now()
        incoming = Incoming(reply.request_id, known.fields(len(body)), body, None, usual.client_ip, now_s)
        resume = partial(self._resume, cycle, reply)
        return self._relay.fast_lane.begin(incoming, snapshot, usual, reply, resume)

    def _usual(self, scope: Scope, snapshot: Snapshot) -> Usual | None:
        """None: they are not for the fast lane."""
        endpoint, headers = self._endpoints.get(scope["path"]), scope["pronghorn.headers"]
        if endpoint is None or not endpoint.is_quick or not _UNUSUAL.isdisjoint(headers):
            return None
        if headers.get(b"content-type", JSON).partition(b";")[0].strip().lower() != JSON:
            return None
        try:
            grant, client_ip = self._doorkeeper.admit(snapshot, scope, self._clock.now())
        except PronghornError:
            return None
        if grant.is_test or grant.gates or grant.is_strict or grant.networks or grant.expires_s:
            return None
        return Usual(endpoint, grant, client_ip)

    def _resume(self, cycle: Cycle, reply: Reply, flight: Flight) -> None:
        """What the fast lane could not end goes on as a task."""

        async def rest(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self._relay.resume(flight, reply)
            except Exception as error:  # a door, as above
                await _answer_failure(scope, reply, error)
            finally:
                self._crowd.open -= 1

        cycle.go_on(rest)

    async def _to_relay(
        self, scope: Scope, receive: Receive, reply: Reply, endpoint: Endpoint, given: Given = NOTHING_GIVEN
    ) -> None:
        if scope["method"] != "POST":
            _check_no_socket(scope)
            raise MethodNotAllowed(scope["path"], scope["method"], "POST", "OPTIONS")
        now_s = self._clock.now()
        grant, client_ip = self._doorkeeper.admit(self._loader.snapshot, scope, now_s)
        headers: dict[bytes, bytes] = scope.get("pronghorn.headers") or dict(scope["headers"])
        incoming = Incoming(reply.request_id, headers, b"", None, client_ip, now_s, *given)
        content_type = headers.get(b"content-type", b"")
        if content_type[:19].lower() == MULTIPART:
            _check_multipart(headers, endpoint)
            body.check_length(headers, self._settings.max_upload_bytes)
            incoming.upload = body.stream(receive, self._settings.max_upload_bytes)
            await self._hand_over(incoming, grant, endpoint, reply)
            return
        body.check_length(headers, self._settings.max_body_bytes)
        if endpoint.bodies == (MULTIPART,):
            raise UnsupportedMediaType(f"/v1/{endpoint.path} takes multipart/form-data with a file")
        connection = scope.get("pronghorn.connection")
        here = connection.whole_body() if connection is not None else None
        if here is not None and b"content-encoding" not in headers:
            incoming.body = body.unpack(here, headers, self._settings.max_body_bytes)
            await self._hand_over(incoming, grant, endpoint, reply)
            return
        with self.room.taken(headers) as take:
            if here is None:
                here = await body.read(receive, self._settings.max_body_bytes, take)
            incoming.body = body.unpack(here, headers, self._settings.max_body_bytes, take)
            del here
            await self._hand_over(incoming, grant, endpoint, reply)

    def _hand_over(
        self, incoming: Incoming, grant: Grant, endpoint: Endpoint, reply: Reply
    ) -> Awaitable[None]:
        if IDEMPOTENCY_KEY in incoming.headers:
            ask = partial(self._ask, incoming, grant, endpoint)
            return self._idempotency.serve(incoming, grant, endpoint, reply, ask)
        return self._ask(incoming, grant, endpoint, reply)

    def _ask(self, incoming: Incoming, grant: Grant, endpoint: Endpoint, sink: Sink) -> Awaitable[None]:
        if endpoint.name == "responses":
            return self._responses.serve(incoming, grant, sink)
        if endpoint.name == "chat" and chat_with_input.is_one(incoming.body):
            incoming = chat_with_input.rewritten(incoming)
        return self._relay.serve(incoming, grant, endpoint, sink)

    async def _in_turn(
        self, scope: Scope, receive: Receive, reply: Reply, endpoint: Endpoint, given: Given
    ) -> None:
        self._crowd.enter()
        try:
            await self._to_relay(scope, receive, reply, endpoint, given)
        finally:
            self._crowd.open -= 1

    async def _elsewhere(self, scope: Scope, receive: Receive, send: Send, reply: Reply) -> None:
        _check_no_socket(scope)
        target = normalise(scope["path"])
        path = target.path
        endpoint = self._endpoints.get(path)
        if endpoint is not None:
            await self._in_turn(scope, receive, reply, endpoint, Given(target.model))
            return
        if (route := gemini.match(path, scope["query_string"])) is not None:
            given = Given(route.model, route.is_stream, route.is_array)
            await self._in_turn(scope, receive, reply, route.endpoint, given)
            return
        page = _PAGES.get(path)
        if page is not None:
            _only_get(scope)
            await page(self, scope, reply)
            return
        under_v1 = path if path.startswith(("/v1/", "/v1beta/", "/api/")) else f"/v1{path}"
        is_gemini = under_v1.startswith("/v1beta/")
        under_v1 = under_v1.replace("/v1beta/", "/v1/", 1) if is_gemini else under_v1
        if under_v1 == "/v1/models" or under_v1.startswith("/v1/models/"):
            _only_get(scope)
            grant, _ = self._doorkeeper.admit(self._loader.snapshot, scope, self._clock.now())
            name = under_v1.removeprefix("/v1/models").lstrip("/") or None
            await models.serve(scope, reply, self._loader.snapshot, grant, name, is_gemini=is_gemini)
        elif under_v1.startswith("/v1/responses/"):
            grant, _ = self._doorkeeper.admit(self._loader.snapshot, scope, self._clock.now())
            await responses.serve(scope, reply, self._responses, grant, under_v1)
        elif under_v1 == SECRETS_PATH:
            await (await self._sockets()).create_secret(scope, receive, reply)
        elif under_v1 == "/v1/realtime":
            raise UpgradeRequired("here a WebSocket is served: open it with an Upgrade")
        elif under_v1 in billing.QUERIES:
            _only_get(scope)
            now_s = self._clock.now()
            grant, _ = self._doorkeeper.admit(self._loader.snapshot, scope, now_s)
            await billing.serve(billing.QUERIES[under_v1], self._credit, grant, now_s, reply)
        elif path.startswith(("/api/", "/pay/")):
            await (await self._portal())(scope, receive, send)
        elif (own := (office := await self._office()).own_path(path)) is not None:
            await office.serve(scope, receive, reply, own, _base_url(scope))
        else:
            raise _nothing_here(scope["method"], path)

    # Pages for people and for what watches us

    async def _front(self, scope: Scope, reply: Reply) -> None:
        html = front.page(self._settings.public_url or _base_url(scope))
        await reply.whole(200, [(b"content-type", b"text/html; charset=utf-8")], html)

    async def _healthz(self, scope: Scope, reply: Reply) -> None:
        await reply.whole(200, [JSON_HEADER], b'{"status":"ok"}')

    async def _readyz(self, scope: Scope, reply: Reply) -> None:
        state = await self._readiness()
        status = 200 if state["ready"] else 503
        await reply.whole(status, [JSON_HEADER], msgspec.json.encode(state))

    async def _metrics_page(self, scope: Scope, reply: Reply) -> None:
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        await reply.whole(200, [kind], self._metrics.render())

    async def _hello(self, scope: Scope, reply: Reply) -> None:
        await reply.whole(204, [], b"")


_PAGES: dict[str, Callable[[Dispatcher, Scope, Reply], Awaitable[None]]] = {
    "/": Dispatcher._front,
    "/healthz": Dispatcher._healthz,
    "/readyz": Dispatcher._readyz,
    "/metrics": Dispatcher._metrics_page,
    "/v1": Dispatcher._hello,
    "/v1beta": Dispatcher._hello,
    "/api/hello": Dispatcher._hello,
}


def _base_url(scope: Scope) -> str:
    """From the caller's Host on loopback, where nobody else can have chosen it; else what is listened on."""
    server = scope.get("server") or ("127.0.0.1", 8400)
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    is_loopback = host.partition(":")[0] in ("127.0.0.1", "localhost")
    return f"http://{host}" if is_loopback else f"http://{server[0]}:{server[1]}"


def _check_multipart(headers: dict[bytes, bytes], endpoint: Endpoint) -> None:
    if MULTIPART not in endpoint.bodies:
        raise UnsupportedMediaType(f"/v1/{endpoint.path} takes application/json, not multipart/form-data")
    if b"content-encoding" in headers:
        raise UnsupportedMediaType("a multipart body cannot be compressed; send it as it is")


def _check_no_socket(scope: Scope) -> None:
    if any(name == b"sec-websocket-key" for name, _ in scope["headers"]):
        raise UpgradeRequired


def _only_get(scope: Scope) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        raise MethodNotAllowed(scope["path"], scope["method"], "GET", "HEAD", "OPTIONS")


def _nothing_here(method: str, path: str) -> NotFound:
    message = f"Invalid URL ({method} {path[:200]})"
    if path.count("/chat/completions") > 1 or path.endswith(
        ("/chat/completions/models", "/completions/embeddings")
    ):
        message += ": the base URL must end in /v1, the client adds the rest"
    else:
        message += ": there is no such route; the base URL of OpenAI clients ends in /v1"
    return NotFound(message)


async def _preflight(scope: Scope, reply: Reply) -> None:
    asked = b""
    private = b""
    for name, value in scope["headers"]:
        if name == b"access-control-request-headers":
            asked = value
        elif name == b"access-control-request-private-network":
            private = value
    headers = [
        (b"access-control-allow-methods", ALLOWED_METHODS),
        (b"access-control-allow-headers", asked or b"authorization, content-type"),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"access-control-request-headers"),
    ]
    if private == b"true":
        headers.append((b"access-control-allow-private-network", b"true"))
    await reply.whole(204, headers, b"")


async def _answer_failure(scope: Scope, reply: Reply, error: Exception) -> None:
    try:
        if isinstance(error, CallerGone):
            reply.break_off()
        elif isinstance(error, PronghornError):
            await _answer_error(scope, reply, error)
        else:
            log.error("request.failed", request_id=reply.request_id, exc_info=error)
            sorry = PronghornError("the gateway failed on this request; report its id")
            await _answer_error(scope, reply, sorry)
    finally:
        let_go(error)


async def _answer_error(scope: Scope, reply: Reply, error: PronghornError) -> None:
    if reply.is_started:
        reply.break_off()
    else:
        await reply.whole(*errors.render(_dialect(scope["path"]), error, reply.request_id))


def _dialect(path: str) -> str:
    """Whose words a caller of this path understands; the path alone decides it."""
    path = normalise(path).path
    if path.startswith(("/v1/messages", "/messages")):
        return "messages"
    return "generate" if gemini.owns(path) else "chat"
