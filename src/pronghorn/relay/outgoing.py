"""The request as the vendor gets it: the caller's bytes, with the model's name and what we own put in place."""

import msgspec

from pronghorn.relay.endpoints import JSON
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.routing import Channel
from pronghorn.upstream import Call
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek

SIMULATE = b"x-pronghorn-simulate"
PASSED_HEADERS = frozenset((b"openai-beta", b"http-referer", b"x-title", SIMULATE))
"""What vendors may see of the caller's headers. `SIMULATE` is refused before, unless the key is a test key."""
_JSON_LINE = b"content-type: %b\r\n" % JSON
_WITH_USAGE = msgspec.Raw(b'{"include_usage":true}')


def build(exchange: Exchange, channel: Channel, peek: Peek, form: Form | None) -> Call:
    """The call of `channel` for this exchange."""
    incoming = exchange.incoming
    headers = incoming.headers
    head = channel.head(exchange.endpoint.name)
    if not PASSED_HEADERS.isdisjoint(headers):
        head += b"".join(
            [b"%b: %b\r\n" % (name, headers[name]) for name in PASSED_HEADERS if name in headers]
        )
    if form is not None:
        head += b"content-type: %b\r\n" % headers[b"content-type"]
        model = exchange.upstream_model
        return Call(channel.origin, head, upload=form.stream(model), upload_length=form.length(model))
    return Call(channel.origin, head + _JSON_LINE, json_body(exchange, channel, peek))


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
    if not changes and not _is_ambiguous(body, peek):
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


def _is_ambiguous(body: bytes, peek: Peek) -> bool:
    """Could another parser read another model or limit out of this body than ours did?

    True for a member that is there twice, at whatever depth (a false alarm only costs writing the body anew),
    and for letters written as escapes, with which a member could hide its name.
    """
    limits = (peek.max_tokens is not None) + (peek.max_completion_tokens is not None)
    return (
        body.count(b'"model"') > 1
        or body.count(b'"max_') > limits
        or body.count(b'"stream') > (peek.stream is not None) + (peek.stream_options is not None)
        or body.count(b'"n"') > (peek.n is not None)
        or b"\\u00" in body
    )
