"""What a scenario is: what the first channel does, where in the answer that happens, and what the caller must get."""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.dialects import DIALECTS, SAME, Dialect
from tests.faults.upstream import Step

PAIRS = (
    *SAME,
    ("chat", "messages"),
    ("responses", "chat"),
    ("messages", "generate"),
    ("generate", "messages"),
)
"""(the caller's dialect, the vendor's): each dialect as it is, and each once converted."""
Way = tuple[str, str, bool]
"""The caller's dialect, the vendor's, streamed or not."""
WHOLE, STREAM = (False,), (True,)
LIMIT_S = 1.0
HASTY: Mapping[str, Any] = dict.fromkeys(
    ("connect_timeout_s", "first_byte_timeout_s", "first_event_timeout_s", "idle_timeout_s"), LIMIT_S
)
"""Settings of a gateway that waits for nobody."""


class Place(enum.Enum):
    """Where in the answer it happens; the value names the table."""

    CONNECT = "connect"
    HEADERS = "headers"
    FIRST_EVENT = "first_event"
    AFTER_CONTENT = "after_content"
    END = "end"
    SEVERAL = "several"


class Then(enum.Enum):
    """What must happen; the value is how the page says it."""

    NEXT = "the next channel answers"
    POOL = "the next credential answers"
    AGAIN = "the first answers when asked again"
    STANDS = "this answer stands"
    FINAL = "the vendor's own refusal"
    BROKEN_OFF = "an error ends the stream"
    REFUSED = "an error instead of an answer"


class Charged(enum.Enum):
    """What a request costs, and by whose count."""

    VENDOR = "the vendor's count"
    OURS = "our count of what came"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Asked:
    """How a channel was asked, and so how it has to speak."""

    dialect: Dialect
    is_stream: bool
    elsewhere: str
    """The address of a stranger, who must never be asked."""
    passed: asyncio.Event = field(default_factory=asyncio.Event)
    """The caller has got as many words as the scenario sends."""


Script = Callable[[Asked], Sequence[Step]]


class Address(NamedTuple):
    url: str
    proxy: str | None = None


@dataclass(frozen=True)
class Scenario:
    """Channels fail in the order of `unreachable` and `fails`; one that is well comes last, unless all must fail."""

    name: str
    place: Place
    then: Then
    fails: tuple[Script, ...] = ()
    unreachable: tuple[Callable[[], AbstractAsyncContextManager[Address]], ...] = ()
    causes: tuple[str, ...] = ("upstream_error",)
    """What the log says of each attempt that is the reason for another, or for a refusal."""
    rounds: int = 1
    """How often all of them are asked before the caller hears of it."""
    reason: str = "ok"
    """How the request ended, in the log."""
    kind: str = "vendor failed"
    """Which error the caller gets where one is due."""
    streamed: tuple[bool, ...] = (False, True)
    vendors: tuple[str, ...] = tuple(DIALECTS)
    """Whose dialects can do this."""
    pairs: tuple[tuple[str, str], ...] = PAIRS
    words: int = 0
    """Of the answer, that the caller has got before it breaks off."""
    text: str = "one two"
    charged: Charged = Charged.VENDOR
    status: int = 0
    """Of a refusal that is final."""
    retry_after: range | None = None
    """The seconds that the caller is told to wait, if any."""
    rests: range | None = None
    """The seconds for which the channels are then left alone."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failovers(self) -> int:
        """How often one more is asked."""
        return len(self.order) - 1

    @property
    def order(self) -> list[int]:
        """The channels that are asked, one after the other."""
        if self.then is Then.POOL:
            return [0, 0]
        failing = list(range(len(self.fails) + len(self.unreachable)))
        if self.then is Then.AGAIN:
            return [*failing, 0]
        return failing * self.rounds + [len(failing)] * (self.then is Then.NEXT)

    def ways(self) -> list[Way]:
        pairs = [pair for pair in self.pairs if pair[1] in self.vendors]
        return [(door, vendor, is_stream) for door, vendor in pairs for is_stream in self.streamed]
