"""Listing: what a caller asks of the list of tasks, and its pages, newest first.

A cursor names the last task seen, so tasks that come meanwhile shift nothing.
"""

import base64
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, get_args

import msgspec

from pronghorn.errors import BadRequest
from pronghorn.kit.clock import parse_iso
from pronghorn.vendors.task import State

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_WORD = 80
"""Characters of an id or an action: none of ours is longer."""
MAX_TIME_MS = 253_402_214_400_000
"""The end of the year 9999, less a day."""
STATES: tuple[State, ...] = get_args(State)
PARAMETERS = ("vendor", "action", "status", "parent_id", "since", "until", "limit", "cursor")

Position = tuple[int, str]
"""When a task was made, and its id."""
_decode = msgspec.json.Decoder(Position).decode


class Wish(NamedTuple):
    limit: int
    filters: dict[str, Any]
    """As `Tasks.listed` takes them; only what was asked for."""


def read(query: Mapping[str, str], vendors: Collection[str]) -> Wish:
    """Raises `BadRequest`. A filter with a typing error would list everything, so it is refused."""
    for name in query:
        if name not in PARAMETERS and name != "key":  # where some clients have their API key
            raise BadRequest(
                f"{name[:80]}: there is no such query parameter; this route takes {', '.join(PARAMETERS)}",
                param=name[:80],
            )
    found = {
        "family": _one_of(query, "vendor", vendors),
        "action": _word(query, "action"),
        "states": _states(query),
        "parent_id": _word(query, "parent_id"),
        "since_ms": _moment(query, "since"),
        "until_ms": _moment(query, "until"),
        "before": _cursor(query),
    }
    return Wish(_limit(query), {name: value for name, value in found.items() if value is not None})


def is_word(text: str) -> bool:
    """Whether it can be an id at all; not every database takes other characters."""
    return 0 < len(text) <= MAX_WORD and text.isascii() and text.isprintable()


def cursor(last: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def _word(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name)
    if text is not None and not is_word(text):
        raise BadRequest(f"{name} must have 1 to {MAX_WORD} printable ASCII characters", param=name)
    return text


def _one_of(query: Mapping[str, str], name: str, known: Collection[str]) -> str | None:
    text = query.get(name)
    if text is not None and text not in known:
        raise BadRequest(f"{name} must be one of {', '.join(sorted(known))}", param=name)
    return text


def _states(query: Mapping[str, str]) -> list[str] | None:
    """One, or several with commas."""
    if "status" not in query:
        return None
    words = query["status"].split(",", len(STATES))
    if not set(words) <= set(STATES):
        raise BadRequest(
            f"status must be one of {', '.join(STATES)}, or several with commas in between", param="status"
        )
    return words


def _moment(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    # In a query an unescaped `+` of a zone arrives as a blank.
    text = text.replace(" ", "+") if "T" in text else text
    try:
        millis = int(parse_iso(text) * 1000)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"{name} must be a time in ISO 8601, such as 2030-01-31T12:00:00Z", param=name
        ) from error
    if not 0 <= millis <= MAX_TIME_MS:
        raise BadRequest(f"{name} must lie between the years 1970 and 9999", param=name)
    return millis


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}", param="limit")
    return int(text)


def _cursor(query: Mapping[str, str]) -> Position | None:
    text = query.get("cursor")
    if text is None:
        return None
    try:
        found: Position = _decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.MsgspecError) as error:
        raise _bad_cursor() from error
    if not 0 <= found[0] <= MAX_TIME_MS or not is_word(found[1]):
        raise _bad_cursor()
    return found


def _bad_cursor() -> BadRequest:
    return BadRequest(
        "cursor is not one that this list gave as `next`; leave it out to begin", param="cursor"
    )
