"""The relay: takes a request whose key is known, and sees to it that it ends exactly once."""

import asyncio
from collections.abc import Iterator

import msgspec
import structlog

from pronghorn.errors import (
    AccessDenied,
    BadRequest,
    CallerGone,
    ModelNotFound,
    NoChannel,
    PronghornError,
    UnsupportedMediaType,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamUnreachable,
)
from pronghorn.kit.clock import Clock
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.journal import Attempt, Journal
from pronghorn.ledger.tokens import Tokenizer
from pronghorn.observability import Metrics
from pronghorn.relay import delivery, outgoing, refusal
from pronghorn.relay.endpoints import JSON, Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.relay.holding import Holder, check_priced
from pronghorn.relay.incoming import Incoming, Sink
from pronghorn.routing import Channel, Grant, Loader, Model, Snapshot, plan
from pronghorn.settings import Settings
from pronghorn.upstream import Answer, Client, Deadlines, Handle
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek

MAX_ATTEMPTS = 5

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
    ) -> None:
        self._client = client
        self._journal = journal
        self._loader = loader
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._holder = Holder(credit, tokenizer, settings)
        self._delivery = delivery.Delivery(tokenizer, settings)
        common = (settings.connect_timeout_s, settings.idle_timeout_s, settings.total_timeout_s)
        self._whole = Deadlines(common[0], settings.first_byte_timeout_s, *common[1:])
        self._streamed = Deadlines(common[0], settings.first_event_timeout_s, *common[1:])

    async def serve(self, incoming: Incoming, grant: Grant, endpoint: Endpoint, sink: Sink) -> None:
        exchange = Exchange(incoming, grant, endpoint, self._journal, self._metrics)
        try:
            grant.enter(self._clock.monotonic())
            exchange.has_entered = True
            await self._serve(exchange, sink)
        except PronghornError as error:
            exchange.settle(error.status, error.end_reason, error=error.message)
            raise
        except asyncio.CancelledError:
            exchange.settle(0, "shutdown", error="the gateway was stopped")
            raise
        except Exception:
            exchange.settle(500, "bug", error="internal error")
            raise

    async def _serve(self, exchange: Exchange, sink: Sink) -> None:
        self._journal.check()
        if outgoing.SIMULATE in exchange.incoming.headers and not exchange.grant.is_test:
            raise BadRequest(
                "x-pronghorn-simulate is for test keys (sk-test...)", param="x-pronghorn-simulate"
            )
        snapshot = self._loader.snapshot
        peek, form = await self._peek(exchange)
        try:
            model = exchange.model = _find_model(snapshot, exchange, peek)
            candidates = plan(snapshot, exchange.grant, model, exchange.endpoint.name)
            check_priced(exchange, allow_unpriced=self._settings.allow_unpriced)
            exchange.is_stream = exchange.endpoint.stream is not None and _wants_stream(exchange, peek)
            await self._holder.hold(exchange, peek, _body_bytes(exchange, self._settings))
            handle = Handle()
            sink.on_disconnect(lambda: handle.cancel(CallerGone()))
            await self._attempts(exchange, candidates, peek, form, handle, sink)
        finally:
            sink.on_disconnect(None)
            if form is not None:
                form.close()

    async def _peek(self, exchange: Exchange) -> tuple[Peek, Form | None]:
        incoming, endpoint = exchange.incoming, exchange.endpoint
        content_type = incoming.headers.get(b"content-type", b"")
        kind = content_type.partition(b";")[0].strip().lower()
        if incoming.upload is not None:
            form = Form(content_type, incoming.upload, _content_length(incoming))
            await form.read_ahead()
            return _peek_form(form), form
        if kind not in (JSON, b"") and JSON in endpoint.bodies:
            raise UnsupportedMediaType(
                f"the Content-Type of this route is application/json, not {kind.decode('latin-1')[:80]!r}"
            )
        return _peek_json(incoming.body), None

    async def _attempts(
        self,
        exchange: Exchange,
        candidates: Iterator[Channel],
        peek: Peek,
        form: Form | None,
        handle: Handle,
        sink: Sink,
    ) -> None:
        """Ask one channel after the other until one delivers, or fails in a way that another cannot mend."""
        failure: PronghornError = NoChannel()
        for channel in candidates:
            exchange.channel = channel
            exchange.upstream_model = channel.models.get(exchange.model_name, exchange.model_name)
            begun_ms = exchange.elapsed_ms()
            try:
                answer = await self._ask(exchange, channel, peek, form, handle)
                exchange.attempts.append(
                    Attempt(channel.id, answer.status, "", exchange.elapsed_ms() - begun_ms)
                )
                await self._delivery.deliver(exchange, answer, peek, sink)
                return
            except UpstreamError as error:
                if exchange.is_settled:
                    return  # a part was delivered, and the caller was told how it ended
                failure = error
                status = getattr(error, "upstream_status", 0)
                exchange.attempts.append(
                    Attempt(channel.id, status, error.code_word, exchange.elapsed_ms() - begun_ms)
                )
                log.info(
                    "attempt.failed",
                    request_id=exchange.incoming.id,
                    channel=channel.id,
                    error=error.message,
                )
            if len(exchange.attempts) >= MAX_ATTEMPTS or not _may_ask_another(exchange, failure, form):
                break
        raise failure

    async def _ask(
        self, exchange: Exchange, channel: Channel, peek: Peek, form: Form | None, handle: Handle
    ) -> Answer:
        """The answer of a channel that accepted the request. Raises an `UpstreamError` otherwise."""
        handle.raise_if_cancelled()
        call = outgoing.build(exchange, channel, peek, form)
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
        raise refusal.read(answer, body, channel)


def _find_model(snapshot: Snapshot, exchange: Exchange, peek: Peek) -> Model:
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


def _peek_json(body: bytes) -> Peek:
    try:
        return openai.peek_decoder.decode(body)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        name = where.strip("`.") or None
        place = f"`{name}`" if name else "the body"
        raise BadRequest(f"{place} is not valid: {reason}", param=name) from error
    except msgspec.DecodeError as error:
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


def _wants_stream(exchange: Exchange, peek: Peek) -> bool:
    if exchange.endpoint.measure == "speech":
        return peek.stream_format == "sse"
    return bool(peek.stream)


def _content_length(incoming: Incoming) -> int | None:
    text = incoming.headers.get(b"content-length", b"")
    return int(text) if text.isdigit() else None


def _body_bytes(exchange: Exchange, settings: Settings) -> int:
    if exchange.incoming.upload is None:
        return len(exchange.incoming.body)
    return _content_length(exchange.incoming) or settings.max_upload_bytes


def _may_ask_another(exchange: Exchange, failure: PronghornError, form: Form | None) -> bool:
    if not failure.retryable or (form is not None and form.is_sent):
        return False
    # These never began the work; anything else may have, and would then be paid for twice.
    is_untouched = isinstance(failure, UpstreamUnreachable | UpstreamRefusedUs | UpstreamLimited)
    return is_untouched or exchange.endpoint.is_repeatable
