"""The tab of a realtime session: money is set aside before each response, and each one is a record of its own.

The session itself is a record too: it costs nothing and says how the session ended. What a caller adds to the
conversation makes the next response dearer, so the hold for it grows before that is passed on.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from pronghorn.errors import NoCredit, Unauthenticated, Unavailable
from pronghorn.kit.clock import Clock
from pronghorn.kit.ids import request_id
from pronghorn.kit.money import format_usd
from pronghorn.ledger.credit import Credit, Purse
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.ledger.prices import FREE
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.observability import Metrics
from pronghorn.relay import holding
from pronghorn.relay import realtime_usage as usages
from pronghorn.relay.exchange import NOTHING, Exchange
from pronghorn.relay.incoming import Incoming
from pronghorn.relay.realtime_usage import Said
from pronghorn.routing import Grant, Loader, Snapshot
from pronghorn.settings import Settings
from pronghorn.wire import openai
from pronghorn.wire.realtime import ResponseObject, ServerEvent
from pronghorn.wire.usage import Usage

BASE_TOKENS = 1_000
"""What a vendor says to the model before the caller does."""
MAX_OUTPUT_TOKENS = 4_096
"""Of one response, whatever is asked for."""
CONTEXT_TOKENS = 128_000
"""Where the catalogue does not know a model's."""
HOLD_STEP_TOKENS = 2_048
"""A hold grows by this much at a time, so that not every piece of sound asks for more."""
SOUND = ("response.output_audio.delta", "response.audio.delta")
"""Many servers still say it as OpenAI did at first."""
_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}

log = structlog.get_logger()


@dataclass
class Services:
    """What bills need; one for the process."""

    credit: Credit
    journal: Journal
    loader: Loader
    tokenizer: Tokenizer
    settings: Settings
    clock: Clock
    metrics: Metrics


@dataclass
class Reply:
    """A response that is on its way."""

    exchange: Exchange
    heard: Usage
    """What it began with, estimated."""
    sound_bytes: float = 0.0
    texts: list[str] = field(default_factory=list)
    has_content: bool = False
    is_beside: bool = False
    """Out of band: the conversation goes on as if it had not been."""


class Tab:
    def __init__(self, services: Services, session: Exchange, *, is_transcription: bool) -> None:
        self._services = services
        self._session = session
        self._is_transcription = is_transcription
        self._snapshot: Snapshot = services.loader.snapshot
        self._grant = session.grant
        self._next: Exchange | None = None
        self._open: dict[str, Reply] = {}
        self._lock = asyncio.Lock()
        self._known = Usage()
        """The conversation as the last response left it."""
        self._said = Said()
        """What was added since that response began."""
        self._has_conversation = False
        """Its vendor names the conversation that a response is of."""
        self.transcription_model = session.model_name if is_transcription else ""
        self.heard_bytes_per_s = self.spoken_bytes_per_s = usages.PCM_BYTES_PER_S

    async def hold_next(self) -> None:
        """Set money aside for the next response, unless one is on its way or that is done already.

        Raises `NoCredit`, `LimitReached`, or `Unauthenticated` for a key that is not valid any more.
        """
        if self._next is not None or self._open:
            return
        self._check_key()
        exchange = self._new_exchange()
        await self._cover(exchange, self._most())
        self._next = exchange

    async def add(self, said: Said) -> None:
        """Something is about to be added to the conversation. Raises `NoCredit`."""
        self._said.add(said)
        if self._next is not None:
            await self._cover(self._next, self._most())

    async def read(self, event: ServerEvent) -> None:
        """Take a vendor's event in, before the caller sees it. Raises like `hold_next`."""
        kind = event.type
        if kind.endswith(".delta"):
            self._read_delta(event)
        elif kind == "response.created" and event.response is not None:
            await self._begin(event.response)
        elif kind == "response.done" and event.response is not None:
            await self._end(event.response)
        elif kind == "conversation.item.input_audio_transcription.completed":
            await self._transcribed(event)

    @property
    def is_answering(self) -> bool:
        return bool(self._open)

    async def close(self, end_reason: str, cut_reason: str, status: int, error: str) -> None:
        """Settle what was cut, by what it had produced; release what was only held; write the session down."""
        for reply in list(self._open.values()):
            cut = await self._estimate(reply) if reply.has_content else NOTHING
            # A journal that fails is logged where it does; the others still end.
            with contextlib.suppress(Unavailable):
                self._settle(reply.exchange, 200, cut_reason, error, cut, finish="truncated")
        self._open.clear()
        unused, self._next = self._next, None
        if unused is not None:
            _release(unused)
        with contextlib.suppress(Unavailable):
            self._session.settle(status, end_reason, error=error)

    # Holding

    def _check_key(self) -> None:
        """A key that was revoked, has expired or is used up ends the session at its next response."""
        services, snapshot = self._services, self._services.loader.snapshot
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._grant = _find_grant(snapshot, self._grant.key_id)
        grant = self._grant
        grant.check_caller(services.clock.now(), self._session.incoming.client_ip)
        now_s = services.clock.monotonic()
        for gate in grant.gates:
            if (refusal := gate.token_refusal(now_s)) is not None:
                raise refusal

    def _new_exchange(self) -> Exchange:
        services, session = self._services, self._session
        incoming = Incoming(
            request_id(), {}, b"", None, session.incoming.client_ip, services.clock.now(), is_stream=True
        )
        exchange = Exchange(incoming, self._grant, session.endpoint, services.journal, services.metrics)
        exchange.model, exchange.model_name = session.model, session.model_name
        exchange.price, exchange.is_stream = session.price, True
        return exchange

    def _most(self) -> Usage:
        """The most that the next response can consume."""
        model, said = self._session.model, self._said
        assert model is not None
        tokens = BASE_TOKENS + self._known.input + said.most_tokens()
        tokens = -(-tokens // HOLD_STEP_TOKENS) * HOLD_STEP_TOKENS
        output = min(model.max_output_tokens or MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS)
        heard_s = -(-int(said.sound_s + 1) // 60) * 60 if self._is_transcription else 0
        return Usage(
            input=min(tokens, model.context_tokens or CONTEXT_TOKENS), output=output, seconds=heard_s, calls=1
        )

    async def _cover(self, exchange: Exchange, most: Usage) -> None:
        """Let the hold be enough for `most`. One at a time: both ends of the session may ask for more."""
        grant, credit = exchange.grant, self._services.credit
        need = exchange.price.bound(most, grant.factor_ppm)
        if need <= exchange.hold:
            return
        async with self._lock:
            more = need - exchange.hold
            budgets = _budgets(exchange)
            purses = (grant.purse, *budgets)
            await holding.gather(credit, purses, more, self._services.settings.credit_wait_s)
            if exchange.is_settled or more <= 0:
                return  # its response has ended in the meantime
            short = holding.shortest(purses)
            if short.free >= more:
                exchange.take_hold(more, budgets)
            elif short is not grant.purse:
                raise await holding.refusal(credit, exchange, short, more)
            else:
                free = format_usd(short.free + exchange.hold)
                raise NoCredit(
                    f"the next response can cost up to {format_usd(need)} USD and {free} USD of the account's "
                    "balance is free; top up, then open a new session",
                    detail={"scope": "account", "needed_usd": format_usd(need), "free_usd": free},
                )

    # Responses

    async def _begin(self, response: ResponseObject) -> None:
        self._drop_late()
        exchange, self._next = self._next, None
        if exchange is None:
            # More than one at once, or in another window: it is held for as soon as it is known of.
            self._check_key()
            exchange = self._new_exchange()
            await self._cover(exchange, self._most())
        self._begun(exchange)
        exchange.upstream_request_id = response.id
        heard = self._said.estimate()
        heard.input += self._known.input
        heard.audio_input = min(heard.audio_input + self._known.audio_input, heard.input)
        heard.image_input = min(heard.image_input + self._known.image_input, heard.input)
        reply = self._open[response.id] = Reply(exchange, heard, is_beside=self._is_beside(response))
        if not reply.is_beside:
            self._known, self._said = heard, Said()

    def _is_beside(self, response: ResponseObject) -> bool:
        """Vendors leave out which conversation it is of, or say that it is of none."""
        name = response.conversation_id
        self._has_conversation = self._has_conversation or bool(name)
        return name is None or (self._has_conversation and not name)

    def _drop_late(self) -> None:
        """Release what was set aside in a window of a budget that is over: a response counts when it begins."""
        exchange, now_s = self._next, self._services.clock.now()
        if exchange is None or not exchange.hold:
            return
        if tuple(exchange.budgets) != exchange.grant.budget_purses(now_s):
            self._next = None
            _release(exchange)

    def _begun(self, exchange: Exchange) -> None:
        """What was held for has come: from here on its time counts, and who does it is known."""
        session = self._session
        exchange.started_s = time.monotonic()
        exchange.incoming.received_s = self._services.clock.now()
        exchange.upstream_model, exchange.channel = session.upstream_model, session.channel
        exchange.attempts = [
            Attempt(attempt.channel_id, attempt.status, "", 0) for attempt in session.attempts[-1:]
        ]

    def _read_delta(self, event: ServerEvent) -> None:
        reply = self._open.get(event.response_id or "")
        if reply is None:
            return
        if not reply.has_content:
            reply.has_content = True
            reply.exchange.first_byte_ms = reply.exchange.elapsed_ms()
        if event.type in SOUND:
            reply.sound_bytes += max(len(event.delta) - 2, 0) * 3 / 4
        elif openai.is_present(event.delta):
            reply.texts.append(bytes(event.delta).decode("utf-8", "replace")[1:-1])

    async def _end(self, response: ResponseObject) -> None:
        reply = self._open.get(response.id)
        if reply is None:
            return
        used = usages.read(response.usage)
        if used is None:
            used = await self._estimate(reply) if reply.has_content else NOTHING
        reason = response.status_details.reason if response.status_details is not None else None
        is_call = any(item.type == "function_call" for item in response.output or ())
        finish = _FINISHES.get(reason or "", "tool_calls" if is_call else "stop")
        is_empty = not reply.has_content and not response.output
        if response.status == "failed":
            end = (502, "upstream_error", "the vendor reports that the response failed")
            finish, is_free = "error", is_empty
        else:
            # A caller who cancels pays what the vendor counts; whoever gets an empty answer pays nothing.
            end, is_free = (200, "ok", ""), is_empty and response.status != "cancelled"
        del self._open[response.id]
        self._settle(reply.exchange, *end, used, finish=finish, is_free=is_free)
        if used is not NOTHING and not reply.is_beside:
            self._known = Usage(
                input=used.input + used.output, audio_input=used.audio_input + used.audio_output
            )

    async def _estimate(self, reply: Reply) -> Usage:
        text = await self._services.tokenizer.count("".join(reply.texts))
        sound = -(-int(reply.sound_bytes * usages.SPOKEN_TOKENS_PER_S) // self.spoken_bytes_per_s)
        return Usage(
            input=reply.heard.input,
            audio_input=reply.heard.audio_input,
            image_input=reply.heard.image_input,
            output=text + sound,
            audio_output=sound,
            calls=1 if reply.exchange.price.is_by_call else 0,
            is_estimated=True,
        )

    async def _transcribed(self, event: ServerEvent) -> None:
        """Transcripts of what was heard come beside the responses, at the price of their own model."""
        used = usages.read(event.usage)
        if used is None:
            return
        self._drop_late()
        exchange = (self._next if self._is_transcription else None) or self._new_exchange()
        self._begun(exchange)
        if self.transcription_model != exchange.model_name:
            model = self._services.loader.snapshot.models.get(self.transcription_model)
            exchange.model, exchange.model_name = model, self.transcription_model
            exchange.upstream_model = self.transcription_model
            exchange.price = model.price if model is not None and model.price is not None else FREE
        await self._cover_what_can_be(exchange, exchange.price.charge(used, exchange.grant.factor_ppm).nano)
        if exchange is self._next:
            self._next, self._said = None, Said()
        self._settle(exchange, 200, "ok", "", used, finish="stop")

    async def _cover_what_can_be(self, exchange: Exchange, cost: int) -> None:
        """For work that is done already: the operator bears what the balance does not."""
        grant, more = exchange.grant, cost - exchange.hold
        if more <= 0:
            return
        budgets = _budgets(exchange)
        purses = (grant.purse, *budgets)
        await holding.gather(self._services.credit, purses, more, 0)
        free = min(purse.free for purse in purses)
        exchange.take_hold(min(more, free), budgets)

    @staticmethod
    def _settle(
        exchange: Exchange,
        status: int,
        end_reason: str,
        error: str,
        used: Usage,
        *,
        finish: str = "",
        is_free: bool = False,
    ) -> None:
        if used is not NOTHING and exchange.price.is_by_call:
            used.calls = 1
        exchange.settle(status, end_reason, usage=used, is_free=is_free, finish=finish, error=error)
        for gate in exchange.grant.gates:
            gate.spend(used.input + used.output)


def _budgets(exchange: Exchange) -> Sequence[Purse]:
    """A hold that grows stays with the windows that it began with."""
    return exchange.budgets if exchange.hold else exchange.grant.budget_purses(exchange.incoming.received_s)


def _release(exchange: Exchange) -> None:
    """End a hold that nothing was done for; such an exchange is no request and leaves no record."""
    exchange.is_settled = True
    exchange.return_hold()


def _find_grant(snapshot: Snapshot, key_id: str) -> Grant:
    """Raises `Unauthenticated`."""
    found = next((grant for grant in snapshot.grants.values() if grant.key_id == key_id), None)
    if found is None:
        raise Unauthenticated("this API key is not valid any more; ask the operator for a new one")
    return found
