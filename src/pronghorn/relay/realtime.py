"""Realtime: admit a caller, set money aside, open a vendor's socket, and let the session run.

Until the vendor's socket is open the next channel may be tried; after that the session stays where it is.
"""

import asyncio
import time
from typing import cast
from urllib.parse import quote

import structlog

from pronghorn.errors import BadRequest, CallerGone, NoChannel, PronghornError, UpstreamError
from pronghorn.kit.tracebacks import let_go
from pronghorn.ledger.journal import Attempt
from pronghorn.relay import outgoing, reading, refusal
from pronghorn.relay.course import find
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.holding import check_priced
from pronghorn.relay.incoming import Incoming
from pronghorn.relay.realtime_session import SWITCHING_PROTOCOLS, Session
from pronghorn.relay.realtime_tab import Services, Tab
from pronghorn.relay.service import MAX_ATTEMPTS
from pronghorn.routing import Candidates, Channel, Grant, plan
from pronghorn.routing.plan import judge
from pronghorn.upstream import Answer, socket
from pronghorn.upstream.socket import Refused, VendorSocket
from pronghorn.wire.openai import Peek

REALTIME = Endpoint(
    name="realtime", path="realtime", needs=("realtime",), read=reading.counted, measure="chat"
)
TRANSCRIPTION = Endpoint(
    name="realtime_transcription",
    path="realtime",
    needs=("transcription", "realtime"),
    read=reading.counted,
    measure="chat",
)

log = structlog.get_logger()


class Realtime:
    """One for the process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def open(self, incoming: Incoming, grant: Grant, *, is_transcription: bool = False) -> Session:
        """A session with a vendor's socket behind it; `incoming.model` is the model.

        Raises what the caller has to be told instead, after it is written down.
        """
        services = self._services
        endpoint = TRANSCRIPTION if is_transcription else REALTIME
        exchange = Exchange(incoming, grant, endpoint, services.journal, services.metrics)
        exchange.is_stream = True
        tab: Tab | None = None
        try:
            grant.enter(services.clock.monotonic(), 0)
            exchange.has_entered = True
            services.journal.check()
            candidates = self._admit(exchange)
            tab = Tab(services, exchange, is_transcription=is_transcription)
            await tab.hold_next()
            return Session(services, exchange, tab, await self._connect(exchange, candidates))
        except PronghornError as error:
            await _settle(exchange, tab, error.end_reason, error.status, error.message)
            raise
        except asyncio.CancelledError:
            await _settle(exchange, tab, "shutdown", 0, "the gateway was stopped")
            raise
        except Exception:
            await _settle(exchange, tab, "bug", 500, "internal error")
            raise

    def _admit(self, exchange: Exchange) -> Candidates:
        services, grant = self._services, exchange.grant
        if outgoing.SIMULATE in exchange.incoming.headers and not grant.is_test:
            raise BadRequest(
                "x-pronghorn-simulate is for test keys (sk-test...)", param="x-pronghorn-simulate"
            )
        snapshot = services.loader.snapshot
        course = find(snapshot, exchange, Peek())
        assert exchange.model is not None
        candidates = plan(
            snapshot,
            grant,
            exchange.model,
            exchange.endpoint.name,
            now_s=time.monotonic(),
            policy="weight" if course is None else course.policy,
            control=None if course is None else course.control,
        )
        check_priced(exchange, allow_unpriced=services.settings.allow_unpriced)
        return candidates

    async def _connect(self, exchange: Exchange, candidates: Candidates) -> VendorSocket:
        failure: UpstreamError | None = None
        for candidate in candidates:
            channel = exchange.channel = candidate.channel
            exchange.place = candidate.place
            assert exchange.model is not None
            exchange.upstream_model = channel.models.get(exchange.model.name, exchange.model.name)
            begun_ms = exchange.elapsed_ms()
            attempt = Attempt(channel.id, 0, "", 0)
            exchange.attempts.append(attempt)
            outcome: UpstreamError | CallerGone | None = CallerGone()
            candidate.begin(time.monotonic())
            try:
                opened = await self._ask(exchange, channel)
                attempt.status, outcome = SWITCHING_PROTOCOLS, None
                return opened
            except UpstreamError as error:
                let_go(error)
                failure = outcome = error
                attempt.status, attempt.error = error.upstream_status, error.code_word
                log.info(
                    "attempt.failed",
                    request_id=exchange.incoming.id,
                    channel=channel.id,
                    error=error.message,
                )
                if len(exchange.attempts) >= MAX_ATTEMPTS or not error.retryable:
                    break
            finally:
                attempt.duration_ms = exchange.elapsed_ms() - begun_ms
                if exchange.grant.is_test:
                    candidate.leave()
                else:
                    judge(candidate, outcome, time.monotonic())
        raise failure or NoChannel()

    async def _ask(self, exchange: Exchange, channel: Channel) -> VendorSocket:
        """Raises an `UpstreamError`."""
        vendor, settings = channel.vendor, self._services.settings
        path = (channel.base_path or vendor.root) + vendor.socket_paths[exchange.endpoint.name]
        lines = vendor.auth.head(channel.credential(exchange.place)).decode("latin-1").split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines) if name]
        headers += [(name.decode(), value.decode("latin-1")) for name, value in vendor.headers.items()]
        if (simulate := exchange.incoming.headers.get(outgoing.SIMULATE)) is not None:
            headers.append((outgoing.SIMULATE.decode(), simulate.decode("latin-1")))
        try:
            return await socket.connect(
                channel.origin,
                path.replace("{model}", quote(exchange.upstream_model, safe="")),
                headers,
                limit=settings.socket_message_bytes,
                timeout_s=settings.connect_timeout_s,
            )
        except Refused as refused:
            # It has what an answer is asked for here: a status and headers.
            raise refusal.read(cast(Answer, refused), refused.body, channel) from refused


async def _settle(exchange: Exchange, tab: Tab | None, end_reason: str, status: int, error: str) -> None:
    if tab is None:
        exchange.settle(status, end_reason, error=error)
    else:
        await tab.close(end_reason, end_reason, status, error)
