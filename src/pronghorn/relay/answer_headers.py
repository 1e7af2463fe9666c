"""Answer headers: what we say beside an answer, whoever gives it."""

from pronghorn.relay.exchange import Exchange
from pronghorn.relay.incoming import Headers
from pronghorn.relay.rate_headers import rate_headers

MAX_DROPPED_BYTES = 2048
_PRINTABLE = bytes(byte if 0x20 <= byte < 0x7F else ord("?") for byte in range(256))


def answer_headers(exchange: Exchange) -> Headers:
    """What we say beside the answer."""
    gates = exchange.grant.gates
    headers = rate_headers(gates, exchange.endpoint.dialect) if gates else []
    if exchange.adjusted_limit:
        headers.append((b"x-pronghorn-adjusted", b"max_tokens=%d" % exchange.adjusted_limit))
    if exchange.upstream_model != exchange.model_name:
        alias = f"{exchange.model_name} -> {exchange.upstream_model}"
        headers.append((b"x-pronghorn-model", _value(alias)))
    lost = exchange.dropped if exchange.conversion is None else [*exchange.dropped, *exchange.unsaid()]
    if lost:
        headers.append((b"x-pronghorn-dropped", dropped_value(lost)))
    if exchange.endpoint.dialect == "messages":
        headers.append((b"request-id", exchange.incoming.id.encode()))
    return headers


def dropped_value(paths: list[str]) -> bytes:
    """The paths that fit into a header of a sensible size, and a mark where they did not all."""
    kept: list[str] = []
    size = 0
    for path in paths:
        size += len(path) + 2
        if size > MAX_DROPPED_BYTES:
            kept.append("...")
            break
        kept.append(path)
    return _value(", ".join(kept))


def _value(text: str) -> bytes:
    """Of a header. Names are the caller's own words: whatever could end the header is a question mark."""
    return text.encode("ascii", "replace").translate(_PRINTABLE)
