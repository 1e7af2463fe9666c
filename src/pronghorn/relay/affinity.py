"""Affinity: what makes two requests turns of one conversation, so that a vendor's prompt cache is met again.

A name that the caller gives counts first; without one the beginning of the conversation is its name, which later
turns repeat. It is a preference: health overrides it.
"""

import msgspec

from pronghorn.relay.exchange import Exchange
from pronghorn.routing.tier import place_of

MAX_PREFIX_BYTES = 16 * 1024
_USER = b'"user"'


class _Named(msgspec.Struct, gc=False):
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    messages: list[msgspec.Raw] = []
    system: msgspec.Raw = msgspec.Raw()
    instructions: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    contents: list[msgspec.Raw] = []
    systemInstruction: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Named)


def of(exchange: Exchange, *, by_name_alone: bool = False) -> int | None:
    """A place on the ring; None where nothing names a conversation."""
    if not exchange.endpoint.is_turn or exchange.incoming.upload is not None:
        return None
    try:
        named = _decoder.decode(exchange.incoming.body)
    except (ValueError, RecursionError):
        return None  # the peek has found the body good enough; this is only a preference
    given = named.prompt_cache_key or named.previous_response_id
    if not given and by_name_alone:
        return None
    prefix = given.encode() if given else _prefix(named)
    return place_of(exchange.grant.account_id.encode() + b"/" + prefix) if prefix else None


def _prefix(named: _Named) -> bytes:
    """Instructions, and the messages up to the first of the user."""
    parts = [bytes(named.system or named.instructions or named.systemInstruction)]
    for message in named.messages or named.contents or [named.input]:
        raw = bytes(message)
        parts.append(raw)
        if _USER in raw:
            break
    return b"".join(parts)[:MAX_PREFIX_BYTES]
