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
_OURS = frozenset(
    (
        "model",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "best_of",
        "stream",
        "stream_options",
        "stream_format",
    )
)
"""Members that decide what is done or what it costs: they must not be there in other letters too."""
_ESCAPED = (b"\\u00", b"\\u017f", b"\\u212a")
_FOLDED = ("\u017f".encode(), "\u212a".encode())
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
        return Call(
            channel.origin,
            head,
            upload=form.stream(model),
            upload_length=form.length(model),
            is_repeatable=exchange.endpoint.is_repeatable,
        )
    body = json_body(exchange, channel, peek)
    return Call(channel.origin, head + _JSON_LINE, body, is_repeatable=exchange.endpoint.is_repeatable)


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
    members = openai.members_decoder.decode(body)
    kept = {name: value for name, value in members.items() if name in _OURS or name.casefold() not in _OURS}
    return msgspec.json.encode(kept | changes)


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

    True for a member that is there twice, at whatever depth (a false alarm only costs writing the body anew), for
    one in capitals (some parsers ignore case, and with it Unicode's other s and k), and for letters written as
    escapes, with which a member could hide its name.
    """
    limits = (peek.max_tokens is not None) + (peek.max_completion_tokens is not None)
    lowered = body.lower()
    return (
        lowered.count(b'"model"') > 1
        or lowered.count(b'"max_') > limits
        or lowered.count(b'"stream') > (peek.stream is not None) + (peek.stream_options is not None)
        or lowered.count(b'"n"') > (peek.n is not None)
        or lowered.count(b'"best_of"') > (peek.best_of is not None)
        or (b"\\u" in lowered and any(letter in lowered for letter in _ESCAPED))
        or (not body.isascii() and any(letter in body for letter in _FOLDED))
    )
