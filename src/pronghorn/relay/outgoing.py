"""The request as the vendor gets it: the caller's bytes, with the model's name and what we own put in place."""

import msgspec

from pronghorn.relay.endpoints import JSON
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.routing import Channel
from pronghorn.upstream import Call
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek

PASSED_HEADERS = frozenset(
    (b"openai-beta", b"http-referer", b"x-title", b"x-client-request-id", b"user-agent")
)
SIMULATE = b"x-pronghorn-simulate"
_WITH_USAGE = msgspec.Raw(b'{"include_usage":true}')


def build(exchange: Exchange, channel: Channel, peek: Peek, form: Form | None) -> Call:
    """The call of `channel` for this exchange."""
    incoming = exchange.incoming
    head = [channel.credential_head()]
    for name in PASSED_HEADERS:
        value = incoming.headers.get(name)
        if value is not None:
            head.append(b"%b: %b\r\n" % (name, value))
    if exchange.grant.is_test and (simulate := incoming.headers.get(SIMULATE)) is not None:
        head.append(b"%b: %b\r\n" % (SIMULATE, simulate))
    path = channel.paths[exchange.endpoint.name]
    if form is not None:
        head.append(b"content-type: %b\r\n" % incoming.headers.get(b"content-type", b""))
        model = exchange.upstream_model
        return Call(
            channel.origin, path, b"".join(head), upload=form.stream(model), upload_length=form.length(model)
        )
    head.append(b"content-type: %b\r\n" % JSON)
    return Call(channel.origin, path, b"".join(head), json_body(exchange, channel, peek))


def json_body(exchange: Exchange, channel: Channel, peek: Peek) -> bytes:
    """The caller's bytes as they are, unless something of ours has to be in them."""
    body = exchange.incoming.body
    changes: dict[str, msgspec.Raw] = {}
    if peek.model != exchange.upstream_model:
        changes["model"] = msgspec.Raw(msgspec.json.encode(exchange.upstream_model))
    if asks_for_usage(exchange, peek):
        changes["stream_options"] = _stream_options(body)
    if exchange.adjusted_limit:
        limit = msgspec.Raw(b"%d" % exchange.adjusted_limit)
        changes |= dict.fromkeys(_limit_fields(exchange, channel, peek), limit)
    if not changes and not _is_ambiguous(body):
        return body
    return msgspec.json.encode(openai.members_decoder.decode(body) | changes)


def asks_for_usage(exchange: Exchange, peek: Peek) -> bool:
    """True if the vendor has to be asked for the usage chunk because the caller did not."""
    return (
        exchange.is_stream
        and exchange.endpoint.can_report_usage
        and not (peek.stream_options is not None and peek.stream_options.include_usage)
    )


def _stream_options(body: bytes) -> msgspec.Raw:
    """The caller's own options, whatever they are, with usage switched on."""
    given = openai.members_decoder.decode(body).get("stream_options")
    if given is None or not openai.is_present(given):
        return _WITH_USAGE
    options = openai.members_decoder.decode(given)
    return msgspec.Raw(msgspec.json.encode(options | {"include_usage": True}))


def _limit_fields(exchange: Exchange, channel: Channel, peek: Peek) -> list[str]:
    given = [name for name in ("max_tokens", "max_completion_tokens") if getattr(peek, name) is not None]
    if given:
        return given
    return [channel.vendor.output_limit if exchange.endpoint.name == "chat" else "max_tokens"]


def _is_ambiguous(body: bytes) -> bool:
    """Could another parser read another model or limit out of this body than ours did?

    True for a member that is there twice, at whatever depth (a false alarm only costs writing the body anew),
    and for letters written as escapes, with which a member could hide its name.
    """
    return b"\\u00" in body or any(body.count(name) > 1 for name in openai.OWNED)
