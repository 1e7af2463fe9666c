"""Listing: what a caller asks of the list of tasks, and its pages, newest first."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, get_args

from pronghorn.commerce.calendar import MAX_TIME_MS, time_ms
from pronghorn.errors import BadRequest
from pronghorn.store import cursor
from pronghorn.store.cursor import Position
from pronghorn.vendors.task import State

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_WORD = 80
"""Characters of an id or an action: none of ours is longer."""
STATES: tuple[State, ...] = get_args(State)
PARAMETERS = ("vendor", "action", "status", "parent_id", "since", "until", "limit", "cursor")


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
    return None if text is None else time_ms(text, name)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}", param="limit")
    return int(text)


def _cursor(query: Mapping[str, str]) -> Position | None:
    text = query.get("cursor")
    if text is None:
        return None
    found = cursor.read(text)
    made_ms, task_id = found
    if not 0 <= made_ms <= MAX_TIME_MS or not isinstance(task_id, str) or not is_word(task_id):
        raise cursor.refusal()
    return found
