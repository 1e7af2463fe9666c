"""The relay: takes a request whose key is known, and sees to it that it ends exactly once."""

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.embeddings import EmbeddingConversion
from pronghorn.errors import (
    AccessDenied,
    BadRequest,
    CallerGone,
    ModelNotFound,
    NoChannel,
    PronghornError,
    RefusedStrict,
    UnsupportedMediaType,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
    UpstreamUnreachable,
)
from pronghorn.kit.clock import Clock
from pronghorn.kit.later import Later
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.observability import Metrics
from pronghorn.relay import affinity, delivery, outgoing, refusal
from pronghorn.relay.endpoints import BY_NAME, JSON, Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.relay.holding import Holder, check_priced
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.relay.keeping import Keeper
from pronghorn.relay.signatures import Signatures
from pronghorn.routing import Candidate, Candidates, Channel, Grant, Loader, Model, Snapshot, plan
from pronghorn.routing.budget import RetryBudget
from pronghorn.routing.plan import judge
from pronghorn.settings import Settings
from pronghorn.upstream import Answer, Client, Deadlines, Handle
from pronghorn.wire.openai import Peek

if TYPE_CHECKING:
    from pronghorn.relay import access, fetching
else:
    access = Later("pronghorn.relay.access")
    fetching = Later("pronghorn.relay.fetching")

MAX_ATTEMPTS = 5
_LEFT = CallerGone()
"""What an attempt ended with when nothing else is known: it says nothing about who was asked."""

log = structlog.get_logger()


class Relay:
    """One for the process. `serve` raises what the door has to tell the caller, after it is written down."""

    def __init__(
        self,
        *,
        client: Client,
        credit: Credit,
        journal: Journal,
        loader: Loader,
        tokenizer: Tokenizer,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        keeper: Keeper,
    ) -> None:
        self._client = client
        self._journal = journal
        self._loader = loader
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._budget = RetryBudget()
        self._signatures = Signatures(keeper)
        self._holder = Holder(credit, tokenizer, settings)
        self._delivery = delivery.Delivery(tokenizer, settings, self._signatures)
        common = (settings.connect_timeout_s, settings.idle_timeout_s, settings.total_timeout_s)
        self._whole = Deadlines(common[0], settings.first_byte_timeout_s, *common[1:])
        self._streamed = Deadlines(common[0], settings.first_event_timeout_s, *common[1:])

    # The libraries of these two cost 15 MB that most servers never need.

    @cached_property
    def _access(self) -> "access.Access":
        return access.Access()

    @cached_property
    def _fetcher(self) -> "fetching.Fetcher":
        return fetching.Fetcher(self._settings)

    async def serve(self, incoming: Incoming, grant: Grant, endpoint: Endpoint, sink: Sink) -> None:
        exchange = Exchange(incoming, grant, endpoint, self._journal, self._metrics)
        try:
            grant.enter(self._clock.monotonic())
            exchange.has_entered = True
            self._journal.check()
            if incoming.upload is not None:
                await self._serve_form(exchange, sink)
            else:
                peek = _peek_json(exchange)
                candidates = self._admit(exchange, peek)
                most = self._holder.hold_at_once(exchange, peek, len(incoming.body))
                if most is not None:
                    await self._holder.hold(exchange, peek, most)
                if candidates is None:
                    await self._delivery.count(exchange, sink)
                else:
                    await self._attempts(exchange, candidates, peek, None, sink)
        except PronghornError as error:
            exchange.settle(error.status, error.end_reason, error=error.message)
            raise
        except asyncio.CancelledError:
            exchange.settle(0, "shutdown", error="the gateway was stopped")
            raise
        except Exception:
            exchange.settle(500, "bug", error="internal error")
            raise
        finally:
            sink.on_disconnect(None)

    async def _serve_form(self, exchange: Exchange, sink: Sink) -> None:
        incoming = exchange.incoming
        assert incoming.upload is not None
        length = _content_length(incoming)
        form = Form(incoming.headers[b"content-type"], incoming.upload, length)
        try:
            await form.read_ahead()
            peek = _peek_form(form)
            candidates = self._admit(exchange, peek)
            assert candidates is not None
            most = self._holder.hold_at_once(exchange, peek, length or self._settings.max_upload_bytes)
            if most is not None:
                await self._holder.hold(exchange, peek, most)
            await self._attempts(exchange, candidates, peek, form, sink)
        finally:
            form.close()

    def _admit(self, exchange: Exchange, peek: Peek) -> Candidates | None:
        """Who could answer; None: we count ourselves. Raises what speaks against asking anybody."""
        grant, endpoint, snapshot = exchange.grant, exchange.endpoint, self._loader.snapshot
        if outgoing.SIMULATE in exchange.incoming.headers and not grant.is_test:
            raise BadRequest(
                "x-pronghorn-simulate is for test keys (sk-test...)", param="x-pronghorn-simulate"
            )
        model = exchange.model = find_model(snapshot, exchange, peek)
        self._budget.deposit()
        now_s = self._clock.monotonic()
        wanted = None
        if snapshot.only(model.name, grant.group) is None and snapshot.has_choice(model.name, grant.group):
            wanted = affinity.of(exchange)
        candidates: Candidates | None
        try:
            candidates = plan(snapshot, grant, model, endpoint.name, affinity=wanted, now_s=now_s)
        except ModelNotFound:
            if endpoint.counted is None:
                raise
            candidates = None
        check_priced(exchange, allow_unpriced=self._settings.allow_unpriced)
        if endpoint.stream is not None:
            is_sound = endpoint.measure == "speech"
            exchange.is_stream = peek.stream_format == "sse" if is_sound else bool(peek.stream)
            if exchange.incoming.is_stream is not None:
                exchange.is_stream = exchange.incoming.is_stream
        return candidates

    async def _attempts(
        self, exchange: Exchange, candidates: Candidates, peek: Peek, form: Form | None, sink: Sink
    ) -> None:
        """Ask one candidate after the other until one delivers, or fails in a way that another cannot mend."""
        handle = Handle()
        sink.on_disconnect(handle.caller_gone)
        failure: PronghornError | None = None
        for candidate in candidates:
            if failure is not None and not self._budget.withdraw():
                break
            failure = await self._attempt(exchange, candidate, peek, form, sink, handle)
            if failure is None:
                return
            if not isinstance(failure, UpstreamRefusedUs | UpstreamLimited):
                candidates.leave_channel()  # another credential of it would meet the same fault
            if not self._may_ask_another(exchange, failure, form):
                break
        raise failure or NoChannel()

    async def _attempt(
        self,
        exchange: Exchange,
        candidate: Candidate,
        peek: Peek,
        form: Form | None,
        sink: Sink,
        handle: Handle,
    ) -> PronghornError | None:
        """None: the caller has an answer, or at least a part of one and the truth about the rest."""
        channel = exchange.channel = candidate.channel
        exchange.place = candidate.place
        exchange.upstream_model = channel.models.get(exchange.model_name, exchange.model_name)
        exchange.target = BY_NAME[channel.target(exchange.endpoint.name) or exchange.endpoint.name]
        begun_ms = exchange.elapsed_ms() if exchange.attempts else 0
        attempt = Attempt(channel.id, 0, "", 0)
        exchange.attempts.append(attempt)
        outcome: PronghornError | None = _LEFT
        candidate.begin(self._clock.monotonic())
        try:
            answer = await self._ask(exchange, channel, peek, form, handle)
            attempt.status = answer.status
            attempt.duration_ms = exchange.elapsed_ms() - begun_ms
            await self._delivery.deliver(exchange, answer, peek, sink)
            outcome = exchange.upstream_failure
        except (UpstreamError, RefusedStrict) as error:
            outcome = error
            if not exchange.is_settled:
                attempt.status = getattr(error, "upstream_status", 0) or attempt.status
                attempt.error = error.code_word
                attempt.duration_ms = exchange.elapsed_ms() - begun_ms
                log.info(
                    "attempt.failed", request_id=exchange.incoming.id, channel=channel.id, error=error.message
                )
                return error
        finally:
            if exchange.grant.mode == "test":
                candidate.leave()  # failures of test mode are made on demand, and mean nothing
            elif outcome is None:
                candidate.succeed(self._clock.monotonic())
            else:
                judge(candidate, outcome, self._clock.monotonic())
        return None

    def _may_ask_another(self, exchange: Exchange, failure: PronghornError, form: Form | None) -> bool:
        if (
            len(exchange.attempts) >= MAX_ATTEMPTS
            or exchange.elapsed_ms() > self._settings.total_timeout_s * 1000
        ):
            return False
        if isinstance(failure, RefusedStrict):
            return True  # another channel may speak the caller's dialect
        if not failure.retryable or (form is not None and form.is_sent):
            return False
        # These never began the work; anything else may have, and would then be paid for twice.
        is_untouched = isinstance(failure, UpstreamUnreachable | UpstreamRefusedUs | UpstreamLimited)
        return is_untouched or exchange.endpoint.is_repeatable

    async def _ask(
        self, exchange: Exchange, channel: Channel, peek: Peek, form: Form | None, handle: Handle
    ) -> Answer:
        """The answer of a channel that accepted the request. Raises an `UpstreamError` otherwise."""
        handle.raise_if_cancelled()
        exchange.conversion, exchange.dropped = None, []
        if exchange.target is not exchange.endpoint:
            exchange.conversion = await self._convert(exchange, channel)
        token = None
        if channel.vendor.token is not None:
            token = await self._access.token(channel.vendor.token, channel.credential(exchange.place))
        call = outgoing.build(exchange, channel, peek, form, token)
        if exchange.dropped and exchange.is_strict():
            raise RefusedStrict(
                f"{', '.join(exchange.dropped[:20])} cannot be carried to this model's vendor; "
                "leave it out, or do not ask for x-pronghorn-strict",
                param=exchange.dropped[0].removeprefix("$."),
            )
        takes_whole = not exchange.is_stream and exchange.endpoint.measure != "speech"
        answer = await self._client.send(
            call,
            self._whole if not exchange.is_stream else self._streamed,
            whole=takes_whole,
            limit=self._settings.max_answer_bytes if takes_whole else 0,
            handle=handle,
        )
        if 200 <= answer.status < 300:
            return answer
        try:
            body = await answer.whole()
        finally:
            answer.release()
        error = refusal.read(answer, body, channel)
        if isinstance(error, UpstreamRejected):
            error.dialect = exchange.target.dialect
        raise error

    async def _convert(self, exchange: Exchange, channel: Channel) -> Conversion | EmbeddingConversion:
        """The caller's request, read and fitted for this channel's vendor."""
        if not exchange.endpoint.is_turn:
            is_batch = exchange.endpoint.name.startswith("batch")
            document = _document(exchange.incoming.body)
            return EmbeddingConversion(document, exchange.upstream_model, is_batch=is_batch)
        dialects = convert.load()
        source, target = dialects[exchange.endpoint.name], dialects[exchange.target.name]
        turn = source.read_request(_document(exchange.incoming.body))
        turn.is_stream = exchange.is_stream
        model = exchange.model
        to = Target(
            model=exchange.upstream_model,
            traits=channel.vendor.traits,
            max_output_tokens=model.max_output_tokens if model is not None else None,
            now_s=int(exchange.incoming.received_s),
        )
        await self._signatures.recall(exchange.grant, turn, target.name)
        conversion = Conversion(source, target, turn, to)
        if addresses := conversion.addresses():
            await self._fetcher.fill(addresses)
        return conversion


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body cannot be carried to this model's vendor: {error}") from error
    if not isinstance(document, dict):
        raise BadRequest("the body must be a JSON object")
    return document


def find_model(snapshot: Snapshot, exchange: Exchange, peek: Peek) -> Model:
    """Raises `ModelNotFound` with the closest names, or `AccessDenied`."""
    name = exchange.incoming.model or peek.model or exchange.endpoint.default_model
    if not name:
        raise BadRequest("the body has no `model`", param="model", code="missing_required_parameter")
    exchange.model_name = name
    grant = exchange.grant
    model = snapshot.models.get(name)
    if model is None or (model.is_retired and not grant.is_test and not snapshot.tiers(name, grant.group)):
        similar = snapshot.similar_names(name, grant)
        hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
        raise ModelNotFound(
            f"the model {name[:200]!r} does not exist here{hint} GET /v1/models lists what this key can use",
            param="model",
        )
    if not grant.allows_model(name):
        raise AccessDenied(
            f"this API key may not use the model {name!r}; GET /v1/models lists what it can use",
            param="model",
        )
    return model


def _peek_json(exchange: Exchange) -> Peek:
    body = exchange.incoming.body
    content_type = exchange.incoming.headers.get(b"content-type", JSON)
    if content_type != JSON and (kind := content_type.partition(b";")[0].strip().lower()) not in (JSON, b""):
        raise UnsupportedMediaType(
            f"the Content-Type of this route is application/json, not {kind.decode('latin-1')[:80]!r}"
        )
    try:
        return exchange.endpoint.peek(body)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        name = where.strip("`.") or None
        place = f"`{name}`" if name else "the body"
        raise BadRequest(f"{place} is not valid: {reason}", param=name) from error
    except ValueError as error:  # msgspec's own, or of a text that is not UTF-8
        reason = str(error)
        if "byte" not in reason:
            reason = f"{reason} (byte {len(body)})"
        raise BadRequest(f"the body is not valid JSON: {reason}") from error
    except RecursionError as error:
        raise BadRequest("the body is not valid JSON: it is nested too deeply") from error


def _peek_form(form: Form) -> Peek:
    fields = form.fields
    numbers = {
        name: int(fields[name]) for name in ("n", "partial_images") if fields.get(name, "").isdecimal()
    }
    values = {name: fields[name] for name in ("model", "size", "quality") if fields.get(name)}
    stream = fields.get("stream", "").lower() in ("true", "1")
    try:
        return msgspec.convert(values | numbers | {"stream": stream}, Peek)
    except msgspec.ValidationError as error:
        raise BadRequest(f"a field of the form is not valid: {error}") from error


def _content_length(incoming: Incoming) -> int | None:
    text = incoming.headers.get(b"content-length", b"")
    return int(text) if text.isdigit() else None
