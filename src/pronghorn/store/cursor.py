"""Cursors: where a page of a list ended, as its caller brings it back.

A cursor names the last row seen, so rows that come meanwhile shift nothing.
"""

import base64

import msgspec

from pronghorn.errors import BadRequest

Position = tuple[int, str | int]
"""When a row was made, and its id."""
_decode = msgspec.json.Decoder(Position).decode


def write(moment_ms: int, identity: str | int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((moment_ms, identity))).decode().rstrip("=")


def read(cursor: str) -> Position:
    """Raises `BadRequest`."""
    try:
        position: Position = _decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError) as error:
        raise refusal() from error
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in position):
        raise refusal()
    return position


def refusal() -> BadRequest:
    return BadRequest(
        "cursor is not one that this list gave as `next`; leave it out to begin", param="cursor"
    )
