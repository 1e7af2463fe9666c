"""What a dialect is to the rest: eight functions, no I/O. Each dialect's package has one `dialect` of this kind."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from pronghorn.convert.events import Event
from pronghorn.convert.turn import Json, Media, Reply, Turn


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request is written for."""

    model: str
    """As the vendor calls it."""
    traits: frozenset[str] | None = None
    """How this vendor differs from what is written of its dialect; None where nothing is known of it.

    `openai`: takes what OpenAI's document has and nothing else. `router`: passes on what other vendors take.
    `thinking_switch`: thinks or not as a member `thinking` says; `no_effort`: refuses another beside it.
    `takes_reasoning`: knows `reasoning_content` in messages of the assistant; `wants_reasoning`: refuses one
    without. `web_search`: searches when it is asked to. `no_addresses`: takes media whole alone. `vertex`:
    Gemini without ids of calls and without tiers.
    """
    max_output_tokens: int | None = None
    """The most that may be asked for: what the model can say, and what is paid for. None where nothing is known."""
    now_s: int = 0
    """Unix time, for answers of vendors that give none."""


class Losses:
    """What cannot be carried, by JSON paths of the request as the caller wrote it."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def add(self, path: str) -> None:
        """An empty path is something that the gateway itself had put in: nothing of the caller's is lost."""
        if path and path not in self.paths:
            self.paths.append(path)


class StreamReader(Protocol):
    """From one vendor's events to canonical ones. Raises nothing on odd input: what makes no sense gives nothing."""

    def feed(self, data: bytes) -> list[Event]:
        """`data` is the payload of one server-sent event (its `data` lines)."""

    def end(self) -> list[Event]:
        """The body has ended: what was held back, and `Ended` where the dialect has no terminal event."""


class StreamWriter(Protocol):
    """From canonical events to one caller's stream of server-sent events."""

    def write(self, events: list[Event]) -> bytes:
        """Whole server-sent events, ready to send; may be empty. `Ended` gives the dialect's own terminal event."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """`chat`, `responses`, `messages` or `generate`; signatures and foreign parts carry it as their origin."""
    fields: dict[str, str]
    """Canonical request field to where this dialect has it: what the table in the documents is made of."""
    carries: frozenset[str]
    """The canonical request fields that `write_request` can say (perhaps with exceptions, which it names)."""
    parts: frozenset[str]
    """The parts of messages that it can say, such as `text`, `image`, `audio`, `thinking`, `tool_call`."""
    tool_name: str
    """Pattern of the names that tools may have."""
    call_id: str
    """Pattern of the ids that tool calls may have."""
    read_request: Callable[[Json], Turn]
    """Raises `BadRequest` that names the field."""
    write_request: Callable[[Turn, Target, Losses], Json]
    """The turn's messages, names and ids fit already; media that it `takes_url` for may still be addresses."""
    takes_url: Callable[[Media, Target], bool]
    thinking_tokens: Callable[[Turn, Target], int] = lambda _turn, _target: 0
    """What is asked for beyond the caller's own limit of output, as far as `Target.max_output_tokens` allows."""
    read_reply: Callable[[Json], Reply]
    write_reply: Callable[[Reply, Turn], Json]
    reader: Callable[[], StreamReader]
    writer: Callable[[Turn], StreamWriter]
