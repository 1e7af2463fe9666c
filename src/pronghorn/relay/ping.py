"""Ping: the tiny request that a test sends, written for one vendor, and what a vendor's refusal of it says.

It is built as traffic is: a turn in the vendor's own dialect, in the vendor's shape, with its signature or token.
"""

import re
from typing import Any, NamedTuple

import msgspec

from pronghorn import convert
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.turn import Json, Message, Text, Turn
from pronghorn.errors import UpstreamError, UpstreamRejected
from pronghorn.relay.endpoints import JSON
from pronghorn.routing import Candidate, Channel
from pronghorn.routing.snapshot import spellings
from pronghorn.upstream import Call, request_head
from pronghorn.vendors import Unsigned

OUTPUT_TOKENS = 16
"""Some vendors take no less."""
MAX_WORDS = 300
ASKED: dict[str, Json] = {
    "chat": {},
    "completions": {"prompt": "ping", "max_tokens": OUTPUT_TOKENS},
    "embeddings": {"input": "ping"},
    "moderations": {"input": "ping"},
    "rerank": {"query": "ping", "documents": ["ping"]},
}
"""What a model may be asked for little money, the first that it has; a chat is written in the vendor's own dialect."""


class Asked(NamedTuple):
    endpoint: str
    """The vendor's."""
    model: str
    """As the vendor calls it."""


def call(candidate: Candidate, asked: Asked, now_s: float, token: str | None) -> Call:
    """`token`: bought for the credential, where the vendor sells such."""
    channel, place = candidate.channel, candidate.place
    vendor, (endpoint, model) = channel.vendor, asked
    members = _members(channel, endpoint, model)
    if vendor.shape is not None:
        members = vendor.shape(endpoint, members, {})
    body = msgspec.json.encode(members)
    path = channel.path(endpoint, model, is_stream=False)
    if vendor.sign is None and token is None:
        head = channel.head(endpoint, model, place, is_stream=False)
    else:
        head = request_head(channel.origin, path.encode())
        head += b"" if token is None else vendor.auth.head(token)
    if vendor.sign is not None:
        unsigned = Unsigned("POST", channel.origin.host_header.decode(), path, body, now_s)
        head += vendor.sign(unsigned, channel.credential(place))
    lines = dict(vendor.headers) | {b"content-type": JSON}
    return Call(channel.origin, head + b"".join([b"%b: %b\r\n" % pair for pair in lines.items()]), body)


def _members(channel: Channel, endpoint: str, model: str) -> Json:
    dialect = convert.load().get(endpoint)
    if dialect is None:
        return {"model": model} | ASKED[endpoint]
    turn = Turn(model, [Message("user", [Text("ping")])], max_output_tokens=OUTPUT_TOKENS)
    return dialect.write_request(turn, Target(model=model, traits=channel.vendor.traits), Losses())


class _Words(msgspec.Struct):
    message: str = ""


class _Body(msgspec.Struct):
    error: _Words


def said(error: UpstreamError, body: bytes, candidate: Candidate, token: str | None) -> str:
    """Our words, and the vendor's: they are for the operator, but no secret and no host is."""
    channel = candidate.channel
    try:
        words = msgspec.json.decode(body, type=_Body).error.message
    except (ValueError, RecursionError):
        words = _own_words(body, channel.vendor.words)
    own = f"the vendor refused the request (status {error.upstream_status})"
    text = own if isinstance(error, UpstreamRejected) else error.message
    if not words:
        return text
    # What is masked may hold a colon between two secrets, as Amazon's do.
    credential = channel.credential(candidate.place)
    for secret in spellings((credential, *credential.split(":"), token or "")):
        words = words.replace(secret.decode(), "***")
    masked = re.sub(re.escape(channel.origin.host), "***", words, flags=re.IGNORECASE)
    plain = "".join([letter if letter.isprintable() else " " for letter in masked[:MAX_WORDS]])
    return f"{text}; its words: {plain}"


def _own_words(body: bytes, member: str) -> str:
    """Of vendors that have no `error.message`."""
    try:
        said: Any = msgspec.json.decode(body, type=dict[str, Any]).get(member)
    except (ValueError, RecursionError):
        return ""
    return said if isinstance(said, str) else ""
