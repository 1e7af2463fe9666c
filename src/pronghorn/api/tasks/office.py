"""The office: which door a path belongs to, who asks, and what is done about a repeated request."""

import importlib
import pkgutil
from contextlib import ExitStack
from functools import partial

import structlog

from pronghorn.api import body
from pronghorn.api.credentials import Doorkeeper
from pronghorn.api.reply import Receive, Reply, Scope
from pronghorn.api.tasks import door as doors
from pronghorn.api.tasks.door import Act, Asked, Door, Open, Streamed, Visit
from pronghorn.errors import CallerGone, PronghornError
from pronghorn.kit.clock import Clock
from pronghorn.kit.tracebacks import let_go
from pronghorn.relay.crowd import Crowd
from pronghorn.relay.idempotency import IDEMPOTENCY_KEY, Idempotency
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.routing import Loader
from pronghorn.settings import Settings
from pronghorn.tasks.draft import endpoint_of
from pronghorn.tasks.media import Media
from pronghorn.tasks.service import Tasks

ROUTE = endpoint_of("tasks")
log = structlog.get_logger()


def _doors() -> dict[str, Door]:
    """By prefix, found by walking this folder; no list names them."""
    found: dict[str, Door] = {}
    package = importlib.import_module("pronghorn.api.tasks")
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if (one := getattr(module, "door", None)) is not None and one is not doors:
            found |= dict.fromkeys(one.prefixes, one)
    return found


class Office:
    """One for the process."""

    def __init__(
        self,
        *,
        tasks: Tasks,
        loader: Loader,
        doorkeeper: Doorkeeper,
        idempotency: Idempotency,
        settings: Settings,
        clock: Clock,
        crowd: Crowd,
        room: body.Room,
    ) -> None:
        self.tasks = tasks
        self._media = Media(tasks, settings, clock)
        self._loader = loader
        self._doorkeeper = doorkeeper
        self._idempotency = idempotency
        self._settings = settings
        self._clock = clock
        self._crowd = crowd
        self._room = room
        self._doors = _doors()
        self._prefixes = sorted(self._doors, key=len, reverse=True)

    def own_path(self, path: str) -> str | None:
        """As the doors know it; None if none of them does. Some clients put `/v1` before everything."""
        for known in (path, path.removeprefix("/v1")):
            if any(known == one or known.startswith(f"{one}/") for one in self._prefixes):
                return known
        return None

    async def serve(self, scope: Scope, receive: Receive, reply: Reply, path: str, base_url: str) -> None:
        """Whatever goes wrong is told in the words of the door."""
        prefix = next(one for one in self._prefixes if path == one or path.startswith(f"{one}/"))
        door = self._doors[prefix]
        try:
            self._crowd.enter()
            try:
                await self._answer(door, scope, receive, reply, path.removeprefix(prefix), base_url)
            finally:
                self._crowd.open -= 1
        except CallerGone:
            reply.break_off()
        except PronghornError as error:
            await self._refuse(door, reply, error)
            let_go(error)
        except Exception as error:
            log.error("request.failed", request_id=reply.request_id, exc_info=error)
            await self._refuse(
                door, reply, PronghornError("the gateway failed on this request; report its id")
            )

    @staticmethod
    async def _refuse(door: Door, reply: Reply, error: PronghornError) -> None:
        if reply.is_started:
            reply.break_off()
        else:
            await reply.whole(*door.refusal(error, reply.request_id))

    async def _answer(
        self, door: Door, scope: Scope, receive: Receive, reply: Reply, path: str, base_url: str
    ) -> None:
        handler, taken = door.handler(scope["method"], path)
        if isinstance(handler, Open):
            await self._answer_anybody(handler, taken, scope, receive, reply, path, base_url)
            return
        grant, client_ip = self._doorkeeper.admit(self._loader.snapshot, scope, self._clock.now())
        headers: dict[bytes, bytes] = dict(scope["headers"])
        body.check_length(headers, self._settings.max_body_bytes)
        with ExitStack() as held:
            take = held.enter_context(self._room.taken(headers))
            text = await body.read(receive, self._settings.max_body_bytes, take)
            text = body.unpack(text, headers, self._settings.max_body_bytes, take)
            if not text:
                held.close()  # a stream may last long, and has nothing to keep there
            now_s = self._clock.now()
            incoming = Incoming(reply.request_id, headers, text, None, client_ip, now_s, scope["path"])
            asked = Asked(
                method=scope["method"],
                path=path,
                query=scope["query_string"],
                incoming=incoming,
                grant=grant,
                tasks=self.tasks,
                media=self._media,
                base_url=base_url,
                fetch_allow=self._settings.fetch_allow,
            )
            work = partial(_answered, handler, asked, taken)
            if IDEMPOTENCY_KEY in headers and scope["method"] == "POST":
                await self._idempotency.serve(incoming, grant, ROUTE, reply, work)
            else:
                await work(reply)

    async def _answer_anybody(
        self,
        handler: Open,
        taken: tuple[str, ...],
        scope: Scope,
        receive: Receive,
        reply: Reply,
        path: str,
        base_url: str,
    ) -> None:
        """Without a key; what it sends is little, or nothing at all."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        body.check_length(headers, handler.max_body_bytes)
        text = await body.read(receive, handler.max_body_bytes)
        text = body.unpack(text, headers, handler.max_body_bytes)
        client_ip = (scope.get("client") or ("",))[0]
        visit = Visit(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            incoming=Incoming(
                reply.request_id, headers, text, None, client_ip, self._clock.now(), scope["path"]
            ),
            tasks=self.tasks,
            media=self._media,
            base_url=base_url,
        )
        await _answered(handler.act, visit, taken, reply)


async def _answered(act: Act, visit: Visit, taken: tuple[str, ...], sink: Sink) -> None:
    answer = await act(visit, *taken)
    if isinstance(answer, Streamed):
        await answer.send(sink)
        return
    await sink.whole(answer.status, list(answer.headers), answer.body)
