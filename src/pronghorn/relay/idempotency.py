"""Idempotency: a POST that is sent again with the same `Idempotency-Key` is done, and charged, once.

Before anything is asked a *claim* is laid down in the database, whose primary key decides who was first; it is never
changed. What became of it is told by the *outcome*, kept before the caller can have seen the answer, and where there
is none by the request's row in the log. So nothing here has to be written in order to stay true after a crash.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import (
    AlreadyStreamed,
    AnswerNotKept,
    BadRequest,
    Conflict,
    IdempotencyMismatch,
    IdempotencyRunning,
    OutcomeUnknown,
    PronghornError,
    Unavailable,
)
from pronghorn.kit.clock import Clock
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.incoming import Headers, Incoming, Sink
from pronghorn.relay.keeping import Keeper
from pronghorn.routing import Grant
from pronghorn.store import Database
from pronghorn.store.models import Kept, Lease, Request, Server, Task

IDEMPOTENCY_KEY = b"idempotency-key"
LIFE_S = 24 * 3600.0
MAX_BYTES = 1024 * 1024
"""Of an answer that is kept."""
KEPT_WITHIN_S = 10.0
"""How long after its log row the outcome of a request may still be on its way into the database."""
_CLAIM, _OUTCOME = "claim", "outcome"
_VALID = re.compile(rb"[!-~]{1,255}")
_REPLAY = (b"x-pronghorn-idempotent-replay", b"true")

log = structlog.get_logger()


class Claim(msgspec.Struct):
    """Who was first with a key, and what was asked."""

    request_id: str
    fingerprint: bytes
    """A hash of the request; the claim is sealed, so nobody else can compare bodies with it."""
    server: str
    epoch: int
    claimed_s: float


class Outcome(msgspec.Struct):
    """What the caller got. Without a body it cannot be given again: it was streamed, or is too large."""

    status: int = 0
    headers: Headers = []
    body: bytes | None = None
    is_streamed: bool = False


class Answering(Sink, Protocol):
    """A sink that names the request in its answer."""

    request_id: str


class Idempotency:
    """One for the process: the life of a server that `server` and `epoch` name."""

    def __init__(
        self,
        database: Database,
        keeper: Keeper,
        secrets: Secrets,
        clock: Clock,
        *,
        server: str,
        epoch: int,
        longest_s: float,
    ) -> None:
        """`longest_s`: after so long a claim without an end is not said to be running any more."""
        self._database = database
        self._keeper = keeper
        self._secrets = secrets
        self._clock = clock
        self._server = server
        self._epoch = epoch
        self._longest_s = longest_s

    async def serve(
        self,
        incoming: Incoming,
        grant: Grant,
        endpoint: Endpoint,
        sink: Answering,
        work: Callable[[Sink], Awaitable[None]],
    ) -> None:
        """Do `work` with a sink, or answer what the first request with this key was answered."""
        place = _place(incoming, grant, endpoint)
        fingerprint = await asyncio.to_thread(_fingerprint, incoming)
        mine = Claim(incoming.id, fingerprint, self._server, self._epoch, self._clock.now())
        sealed = self._secrets.seal_bytes(msgspec.msgpack.encode(mine))
        try:
            first = await self._claim(grant, place, sealed, fingerprint)
        except PronghornError:
            raise
        except Exception as error:
            log.error("idempotency.unavailable", error=repr(error))
            raise Unavailable(
                "whether this Idempotency-Key was used cannot be looked up (is the database away?); nothing was sent "
                "or charged: try again, or send the request without the header"
            ) from error
        if first is not None:
            sink.request_id, outcome = first
            await sink.whole(outcome.status, [*outcome.headers, _REPLAY], outcome.body or b"")
            return
        recorder = _Recorder(sink, lambda outcome: self._keep(grant, incoming.id, outcome))
        try:
            await work(recorder)
        except PronghornError:
            if not recorder.has_begun:  # then nothing was delivered or charged, and the key is free again
                await self._release(place, sealed)
            raise

    # Claims

    async def _claim(
        self, grant: Grant, place: dict[str, str], sealed: str, fingerprint: bytes
    ) -> tuple[str, Outcome] | None:
        """None: it is ours. Else the id and the outcome of the first request, or an error that says how it is."""
        for _ in range(2):
            if await self._lay_down(place, sealed):
                return None
            async with self._database.read() as tx:
                theirs = await tx.scalar(select(Kept.sealed).filter_by(**place))
            if theirs is None:
                continue  # it came to nothing in this very moment
            claim = msgspec.msgpack.decode(self._secrets.open_bytes(theirs), type=Claim)
            fate = await self._fate(grant, claim)
            if fate is None:
                await self._release(place, theirs)
            elif claim.fingerprint != fingerprint:
                raise IdempotencyMismatch
            elif isinstance(fate, PronghornError):
                raise fate
            else:
                return claim.request_id, fate
        raise IdempotencyRunning

    async def _lay_down(self, place: dict[str, str], sealed: str) -> bool:
        """False: there is one already."""
        now_ms = int(self._clock.now() * 1000)
        row = {**place, "sealed": sealed, "expires_ms": now_ms + int(LIFE_S * 1000)}
        try:
            async with self._database.write() as tx:
                await tx.execute(delete(Kept).filter_by(**place).where(Kept.expires_ms <= now_ms))
                await tx.execute(insert(Kept).values(row))
        except IntegrityError:
            return False
        return True

    async def _release(self, place: dict[str, str], sealed: str) -> None:
        """This very claim, which another one may have followed already."""
        try:
            async with self._database.write() as tx:
                await tx.execute(delete(Kept).filter_by(**place).where(Kept.sealed == sealed))
        except Exception as error:
            # The log row will tell that it came to nothing.
            log.error("idempotency.not_released", error=repr(error))

    # Outcomes

    async def _keep(self, grant: Grant, request_id: str, outcome: Outcome) -> None:
        value = msgspec.msgpack.encode(outcome)
        await self._keeper.put(grant, _OUTCOME, request_id, value, LIFE_S)

    async def _fate(self, grant: Grant, claim: Claim) -> Outcome | Conflict | None:
        """What became of a claim. None: nothing was delivered or charged, nor ever will be."""
        kept = await self._keeper.get(grant, _OUTCOME, claim.request_id)
        if kept is not None:
            outcome = msgspec.msgpack.decode(kept, type=Outcome)
            if outcome.body is not None:
                return outcome
            return AlreadyStreamed() if outcome.is_streamed else AnswerNotKept()
        whose = {"account_id": grant.account_id, "mode": grant.mode}
        lease = select(Lease.amount).filter_by(**whose, server=claim.server, epoch=claim.epoch)
        async with self._database.read() as tx:
            # In this order: a life's leases are taken back once all that it charged to them is in the log.
            epoch = await tx.scalar(select(Server.epoch).where(Server.id == claim.server))
            has_lease = (await tx.scalar(lease)) is not None
            columns = (Request.cost, Request.end_reason, Request.is_stream, Request.posted_ms)
            row = (await tx.execute(select(*columns).where(Request.id == claim.request_id))).first()
            # A long job has its log row when it ends.
            task_id = await tx.scalar(select(Task.id).where(Task.request_id == claim.request_id))
        is_over = (epoch or 0) > claim.epoch
        if task_id is not None and (row is None or row.cost):
            return AnswerNotKept(
                f"this Idempotency-Key began the task {task_id}, which goes on; to begin another, use a new key"
            )
        if row is None:
            if is_over and not has_lease:
                return None
            is_late = self._clock.now() - claim.claimed_s > self._longest_s
            return OutcomeUnknown() if is_over or is_late else IdempotencyRunning()
        if not row.cost and row.end_reason != "ok":
            return None
        if row.is_stream:
            return AlreadyStreamed()
        is_fresh = self._clock.now() - row.posted_ms / 1000 < KEPT_WITHIN_S
        return IdempotencyRunning() if is_fresh and not is_over else AnswerNotKept()


class _Recorder:
    """A sink that has the outcome kept before the caller can know that the answer is complete."""

    def __init__(self, inner: Sink, keep: Callable[[Outcome], Awaitable[None]]) -> None:
        self._inner = inner
        self._keep = keep
        self.has_begun = False
        self.on_disconnect = inner.on_disconnect
        self.write = inner.write
        self.straight = inner.straight

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.has_begun = True
        # Limits were of that moment.
        kept = [
            pair for pair in headers if not pair[0].startswith((b"x-ratelimit-", b"anthropic-ratelimit-"))
        ]
        await self._keep(Outcome(status, kept, body) if len(body) <= MAX_BYTES else Outcome())
        await self._inner.whole(status, headers, body)

    async def start(self, status: int, headers: Headers) -> None:
        self.has_begun = True
        await self._inner.start(status, headers)

    async def end(self) -> None:
        await self._keep(Outcome(is_streamed=True))
        await self._inner.end()

    def break_off(self) -> None:
        """Whether anything was charged then, the log row will tell."""
        self.has_begun = True
        self._inner.break_off()


def _place(incoming: Incoming, grant: Grant, endpoint: Endpoint) -> dict[str, Any]:
    """Where the claim lies: account, mode, route and key. Raises `BadRequest`."""
    key = incoming.headers[IDEMPOTENCY_KEY]
    if _VALID.fullmatch(key) is None:
        raise BadRequest(
            "an Idempotency-Key has 1 to 255 visible ASCII characters; a UUID is a good one",
            param="Idempotency-Key",
        )
    route = f"{endpoint.name}\n{incoming.model or ''}\n".encode()
    name = hashlib.sha256(route + key).hexdigest()
    return {"account_id": grant.account_id, "mode": grant.mode, "kind": _CLAIM, "name": name}


def _fingerprint(incoming: Incoming) -> bytes:
    """Of an upload only the length: it has not come yet, and its clients frame it anew at each try."""
    asked = f"{incoming.is_stream}\n{incoming.is_array}\n"
    if incoming.upload is not None:
        asked += incoming.headers.get(b"content-length", b"").decode("latin-1")
    digest = hashlib.sha256(asked.encode())
    digest.update(incoming.body)
    return digest.digest()
