"""The request as the vendor gets it: the caller's bytes, with the model's name and what we own put in place."""

from typing import Any

import msgspec

from pronghorn.convert.conversion import Conversion
from pronghorn.convert.embeddings import EmbeddingConversion
from pronghorn.relay.endpoints import JSON, Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.form import Form
from pronghorn.routing import Channel
from pronghorn.upstream import Call, request_head
from pronghorn.vendors import ChatVendor, Unsigned
from pronghorn.wire import openai
from pronghorn.wire.openai import Peek

SIMULATE = b"x-pronghorn-simulate"
PASSED_HEADERS = frozenset(
    (b"openai-beta", b"anthropic-version", b"anthropic-beta", b"http-referer", b"x-title", SIMULATE)
)
"""What vendors may see of the caller's headers. `SIMULATE` is refused before, unless the key is a test key."""
_PASSED_CONVERTED = frozenset((b"http-referer", b"x-title", SIMULATE))
"""The same where the caller speaks another dialect: its versions and betas mean nothing there."""
_ESCAPED = (b"\\u00", b"\\u017f", b"\\u212a")
_FOLDED = ("\u017f".encode(), "\u212a".encode())
_JSON_LINE = b"content-type: %b\r\n" % JSON
_WITH_USAGE = msgspec.Raw(b'{"include_usage":true}')


def build(
    exchange: Exchange, channel: Channel, peek: Peek, form: Form | None, token: str | None = None
) -> Call:
    """The call of `channel` for this exchange. `token`: bought for a credential, where the vendor sells such."""
    incoming, target = exchange.incoming, exchange.target
    headers = incoming.headers
    if channel.vendor.sign is None and token is None:
        model, place = exchange.upstream_model, exchange.place
        head = channel.head(target.name, model, place, is_stream=exchange.is_stream)
    else:
        path = channel.path(target.name, exchange.upstream_model, is_stream=exchange.is_stream)
        head = request_head(channel.origin, path.encode())
        head += b"" if token is None else channel.vendor.auth.head(token)
    own = channel.vendor.headers
    if own or not PASSED_HEADERS.isdisjoint(headers):
        passed = PASSED_HEADERS if exchange.conversion is None else _PASSED_CONVERTED
        lines = {name: headers[name] for name in passed if name in headers}
        head += b"".join([b"%b: %b\r\n" % pair for pair in (dict(own) | lines).items()])
    if form is not None:
        head += b"content-type: %b\r\n" % headers[b"content-type"]
        model = exchange.upstream_model
        return Call(
            channel.origin,
            head,
            upload=form.stream(model),
            upload_length=form.length(model),
            is_repeatable=target.is_repeatable,
        )
    if exchange.conversion is None:
        body = json_body(exchange, channel, peek)
    else:
        body = _converted_body(exchange.conversion, exchange, channel)
    if channel.vendor.sign is not None:
        path = channel.path(target.name, exchange.upstream_model, is_stream=exchange.is_stream)
        host = channel.origin.host_header.decode()
        unsigned = Unsigned("POST", host, path, body, incoming.received_s)
        head += channel.vendor.sign(unsigned, channel.credential(exchange.place))
    return Call(channel.origin, head + _JSON_LINE, body, is_repeatable=target.is_repeatable)


def _converted_body(
    conversion: Conversion | EmbeddingConversion, exchange: Exchange, channel: Channel
) -> bytes:
    members = conversion.request()
    exchange.dropped = conversion.losses.paths
    if exchange.target.name == "chat":
        refused: list[str] = []
        members = _as_called(members, channel.vendor, refused)
        if refused and isinstance(conversion, Conversion):
            at = conversion.turn.at  # where the caller's dialect has what this vendor does not take
            fields = conversion.target.fields.items()
            paths = [path for field, name in fields if f"$.{name}" in refused and (path := at.get(field))]
            exchange.dropped = list(dict.fromkeys((*exchange.dropped, *paths)))
    if channel.vendor.shape is not None:
        members = channel.vendor.shape(exchange.target.name, members, {})
    return msgspec.json.encode(members)


def _as_called(members: dict[str, Any], vendor: ChatVendor, dropped: list[str]) -> dict[str, Any]:
    """A chat body in the words of a vendor that has others for some members, and none for a few."""
    if not vendor.renames and not vendor.drops:
        return members
    dropped += [f"$.{name}" for name in members if name in vendor.drops]
    return {
        vendor.renames.get(name, name): value for name, value in members.items() if name not in vendor.drops
    }


def json_body(exchange: Exchange, channel: Channel, peek: Peek) -> bytes:
    """The caller's bytes as they are, unless something of ours has to be in them, or the vendor wants another shape."""
    body, shape = _own_body(exchange, channel, peek), channel.vendor.shape
    if shape is None:
        return body
    document = msgspec.json.decode(body)
    return msgspec.json.encode(shape(exchange.endpoint.name, document, exchange.incoming.headers))


def _own_body(exchange: Exchange, channel: Channel, peek: Peek) -> bytes:
    body, endpoint = exchange.incoming.body, exchange.endpoint
    changes: dict[str, msgspec.Raw] = {}
    if peek.model != exchange.upstream_model and endpoint.dialect != "generate":
        changes["model"] = msgspec.Raw(msgspec.json.encode(exchange.upstream_model))
    if asks_for_usage(exchange, peek):
        changes["stream_options"] = _stream_options(body)
    if exchange.adjusted_limit and not endpoint.limit:
        limit = msgspec.Raw(b"%d" % exchange.adjusted_limit)
        changes |= dict.fromkeys(_limit_fields(exchange, channel, peek), limit)
    vendor = channel.vendor
    if endpoint.dialect == "generate":
        is_plain = not exchange.adjusted_limit and not _may_hide(body, peek, endpoint)
        return body if is_plain else _generate_body(body, peek, exchange.adjusted_limit)
    if exchange.adjusted_limit and endpoint.limit:
        changes[endpoint.limit[0]] = msgspec.Raw(b"%d" % exchange.adjusted_limit)
    members = openai.members_decoder.decode(body)
    others = (*vendor.renames, *vendor.drops) if endpoint.name == "chat" else ()
    has_quirks = any(name in members for name in others)
    if exchange.ours:
        for name in _withheld(exchange, vendor):
            members.pop(name, None)
            has_quirks = True
    names = endpoint.names
    if not changes and not has_quirks and not _is_ambiguous(body, members, peek, endpoint):
        return body
    kept = {name: value for name, value in members.items() if name in names or name.casefold() not in names}
    if has_quirks:
        exchange.dropped = []
        return msgspec.json.encode(_as_called(kept | changes, vendor, exchange.dropped))
    return msgspec.json.encode(kept | changes)


def _withheld(exchange: Exchange, vendor: ChatVendor) -> tuple[str, ...]:
    """Of what was meant for us: other models are never the vendor's choice, for they have other prices."""
    return tuple(name for name in exchange.ours if name == "models" or not vendor.routes)


def _generate_body(body: bytes, peek: Peek, limit: int) -> bytes:
    """A body of the Gemini dialect whose config is there once, in one spelling, with the limits that we have read."""
    members = openai.members_decoder.decode(body)
    config: dict[str, msgspec.Raw] = {}
    for spelling in ("generation_config", "generationConfig"):
        if openai.is_present(found := members.get(spelling, openai.NOTHING)):
            config |= openai.members_decoder.decode(found)
    members = {name: value for name, value in members.items() if _plain(name) != "generationconfig"}
    ours = ("maxoutputtokens", "candidatecount")
    config = {name: value for name, value in config.items() if _plain(name) not in ours}
    limit = limit or peek.max_tokens or 0
    if limit or peek.max_tokens is not None:
        config["maxOutputTokens"] = msgspec.Raw(b"%d" % limit)
    if peek.n is not None:
        config["candidateCount"] = msgspec.Raw(b"%d" % peek.n)
    return msgspec.json.encode(members | ({"generationConfig": config} if config else {}))


def _plain(name: str) -> str:
    """A member as a parser may read it that cares for neither case nor spelling."""
    return name.casefold().replace("_", "")


def asks_for_usage(exchange: Exchange, peek: Peek) -> bool:
    """True if the vendor has to be asked for the usage chunk because the caller did not."""
    return (
        exchange.is_stream
        and exchange.endpoint.can_report_usage
        and exchange.conversion is None
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


def _is_ambiguous(body: bytes, members: dict[str, msgspec.Raw], peek: Peek, endpoint: Endpoint) -> bool:
    """Could another parser read another model or limit out of this body than ours did?

    True for a member in other letters (some parsers ignore case, and with it Unicode's other s and k). Where the body
    is longer than its members need, one may be there twice, or hide its name in escapes: then it is looked through.
    """
    joined = "".join(members)
    # In lower case already, as nearly always: then none is another in other letters.
    if not (joined.isascii() and joined.islower()):
        names = endpoint.names
        if any(name not in names and name.casefold() in names for name in members):
            return True
    # Two quotes, a colon and a comma each, but for the last comma; two braces.
    size = 4 * len(members) + 1 + len(joined) + sum(map(len, members.values()))
    spare = len(body) - size
    if not spare:
        return False
    # Many clients write a blank behind each colon and comma; as many bytes could be something else.
    if spare == 2 * len(members) - 1 and body == _spaced(members):
        return False
    return _may_hide(body, peek, endpoint)


def _spaced(members: dict[str, msgspec.Raw]) -> bytes:
    return b"{%b}" % b", ".join([b'"%b": %b' % (name.encode(), value) for name, value in members.items()])


def _may_hide(body: bytes, peek: Peek, endpoint: Endpoint) -> bool:
    """Are there more members of the names that matter, at whatever depth, than we have read?

    A false alarm only costs writing the body anew.
    """
    lowered = body.lower()
    for name, spellings in endpoint.owned:
        found = sum([lowered.count(spelling) for spelling in spellings])
        if found and found > (getattr(peek, name) is not None):
            return True
    return (b"\\u" in lowered and any(letter in lowered for letter in _ESCAPED)) or (
        not body.isascii() and any(letter in body for letter in _FOLDED)
    )
