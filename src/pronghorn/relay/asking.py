"""Asking: one channel is asked one request, in its own dialect; its answer or what its refusal means."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Dialect, Target
from pronghorn.convert.embeddings import EmbeddingConversion
from pronghorn.convert.turn import Tool, Turn
from pronghorn.errors import BadRequest, RefusedStrict, UpstreamError, UpstreamRejected
from pronghorn.kit.later import Later
from pronghorn.relay import bounds, holding, outgoing, refusal
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.relay.signatures import Signatures
from pronghorn.routing import Channel
from pronghorn.settings import Settings
from pronghorn.upstream import Answer, Client, Deadlines, Handle
from pronghorn.wire.openai import Peek

if TYPE_CHECKING:
    from pronghorn.relay import access, fetching
else:
    access = Later("pronghorn.relay.access")
    fetching = Later("pronghorn.relay.fetching")


class Asker:
    """One for the process."""

    def __init__(self, client: Client, signatures: Signatures, settings: Settings) -> None:
        self._client = client
        self._signatures = signatures
        self._settings = settings
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

    async def ask(
        self, exchange: Exchange, channel: Channel, peek: Peek, form: Form | None, handle: Handle
    ) -> Answer:
        """The answer of a channel that accepted the request. Raises an `UpstreamError` otherwise."""
        handle.raise_if_cancelled()
        exchange.conversion, exchange.dropped = None, []
        if exchange.target is not exchange.endpoint:
            exchange.conversion = await self._convert(exchange, channel, peek)
        token = None
        if channel.vendor.token is not None:
            token = await self._access.token(channel.vendor.token, channel.credential(exchange.place))
        call = outgoing.build(exchange, channel, peek, form, token)
        if exchange.incoming.dropped:
            exchange.dropped = list(dict.fromkeys((*exchange.incoming.dropped, *exchange.dropped)))
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
            limit=self._settings.max_answer_bytes,
            handle=handle,
        )
        if 200 <= answer.status < 300:
            return answer
        try:
            body = await answer.whole()
        except UpstreamError:
            body = b""  # cut, or packed so that nobody can read it: the status has come
        finally:
            answer.release()
        error = refusal.read(answer, body, channel)
        if isinstance(error, UpstreamRejected):
            error.dialect = exchange.target.dialect
        raise error

    async def _convert(
        self, exchange: Exchange, channel: Channel, peek: Peek
    ) -> Conversion | EmbeddingConversion:
        """The caller's request, read and fitted for this channel's vendor."""
        if not exchange.endpoint.is_turn:
            is_batch = exchange.endpoint.name.startswith("batch")
            document = _document(exchange)
            return EmbeddingConversion(document, exchange.upstream_model, is_batch=is_batch)
        dialects = convert.load()
        source = dialects[exchange.endpoint.name]
        turn = source.read_request(_document(exchange))
        has_functions = any(type(tool) is Tool for tool in turn.tools)
        if has_functions and channel.vendor.responds(channel.origin.host, exchange.upstream_model):
            exchange.target = BY_NAME["responses"]
        target = dialects[exchange.target.name]
        turn.is_stream = exchange.is_stream
        to = Target(
            model=exchange.upstream_model,
            traits=channel.vendor.traits,
            now_s=int(exchange.incoming.received_s),
        )
        most = _keep_to_hold(exchange, peek, turn, target, to)
        to = msgspec.structs.replace(to, max_output_tokens=most)
        await self._signatures.recall(exchange.grant, turn, target.name)
        conversion = Conversion(source, target, turn, to)
        if addresses := conversion.addresses():
            await self._fetcher.fill(addresses)
        return conversion


def _keep_to_hold(exchange: Exchange, peek: Peek, turn: Turn, target: Dialect, to: Target) -> int | None:
    """Ask for no more than money is held for, however the caller's words were read.

    Gives how many tokens that is; None where neither the caller nor the model says, and the dialect's own default,
    which is less, will do.
    """
    assert exchange.model is not None
    held, choices = exchange.adjusted_limit or bounds.output_limit(peek, exchange.model), bounds.choices(peek)
    if exchange.adjusted_limit or (turn.max_output_tokens or 0) > held:
        turn.max_output_tokens = held
    if (turn.choices or 1) > choices:
        turn.choices = choices
    if turn.max_output_tokens is None:
        return exchange.model.max_output_tokens
    most = held + holding.take_more(exchange, peek, target.thinking_tokens(turn, to))
    return min(most, exchange.model.max_output_tokens or most)


def _document(exchange: Exchange) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(exchange.incoming.body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body cannot be carried to this model's vendor: {error}") from error
    if not isinstance(document, dict):
        raise BadRequest("the body must be a JSON object")
    for name in exchange.ours:
        document.pop(name, None)
    return document
