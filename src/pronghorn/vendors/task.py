"""What a media vendor's module says of its long jobs: how to ask, how to read the answer. No I/O, no clock, no price.

A family is a protocol that callers speak, such as Midjourney's; several kinds of servers offer it or something like
it. An adapter carries one family's bodies to one kind of server, and brings its answers back in the family's words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

State = Literal["queued", "running", "waiting_input", "succeeded", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset(("succeeded", "failed", "cancelled"))

_WORDS: Mapping[State, str] = {
    "queued": "queued pending submitted not_start not_started preparing queueing in_queue throttled starting",
    "running": "processing in_progress running generating dreaming streaming started",
    "succeeded": "completed complete success succeed succeeded finished ready",
    "failed": "failed failure fail error aborted moderated",
    "cancelled": "cancelled canceled cancel",
}
_STATES: dict[str, State] = {word: state for state, words in _WORDS.items() for word in words.split()}


def state_of(word: object, own: Mapping[str, State] | None = None) -> State | None:
    """A vendor's own table first, then the words that most use; None: nobody knows it, so the state stays."""
    text = str(word)
    if own is not None and text in own:
        return own[text]
    return _STATES.get(text.strip().lower().replace("-", "_").replace(" ", "_"))


_WHEREABOUTS = re.compile(
    r"\w://|\bdial (tcp|udp)\b|\b(Post|Get) \"|\b\d{1,3}(\.\d{1,3}){3}\b|\bsk-[\w-]{8}", re.IGNORECASE
)


def neutral(reason: str) -> str:
    """Servers quote the addresses that they could not reach, and their keys: they are nobody's business."""
    return "the vendor's own request failed" if _WHEREABOUTS.search(reason) else reason


def without_whereabouts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller may read as it is."""
    return {name: value for name, value in answer.items() if neutral(str(value)) == str(value)}


class Ask(NamedTuple):
    """One request to a vendor; credential and host are added by whoever sends it."""

    method: str
    path: str
    """Below the channel's base URL, with its query."""
    body: Any = None
    """Sent as JSON; None: no body."""


class Parent(NamedTuple):
    """The task that this one goes on from, on the same account at the vendor."""

    upstream_id: str
    data: Any
    """What was last seen of it, in the family's words."""


class Submission(msgspec.Struct, kw_only=True):
    """What a caller wants done."""

    task_id: str
    """Ours. An adapter may put it where the vendor gives it back, for `find`."""
    action: str
    """In the family's words, such as `imagine`."""
    body: dict[str, Any]
    """The caller's, in the family's words, without the caller's callback address."""
    model: str = ""
    """As the vendor calls it."""
    speed: str = ""
    parent: Parent | None = None
    parts: Mapping[str, Parent] = {}
    """What the body refers to by name, such as clips, and the task that each is of."""
    callback_url: str = ""
    """Ours, for this task; empty if the vendor could not reach us."""


class Accepted(msgspec.Struct):
    """The vendor has taken it."""

    upstream_id: str
    """Empty if it is over already and there is nothing to ask after."""
    state: State = "queued"
    data: Any = None
    """What is known of it so far, in the family's words."""
    answer: Any = None
    """What the caller is told, in the family's words, where that is more than the id."""


class Progress(msgspec.Struct):
    """What a vendor says of a task."""

    state: State | None
    """None: a word that nobody knows; the state stays."""
    data: Any = None
    """In the family's words, whole: it takes the place of what was known."""
    percent: int | None = None
    reason: str = ""
    """Why it failed, in the vendor's words."""


class Declined(Exception):
    """The vendor has not taken it, and will not work on it."""

    def __init__(
        self,
        fault: Literal["request", "moderated", "busy", "account", "unable", "vendor"],
        reason: str,
        answer: Any = None,
        *,
        status: int = 400,
    ) -> None:
        """Whose fault: the caller's `request` (or its content: `moderated`); no room (`busy`); our `account` there;
        this kind of server has no such thing (`unable`); the `vendor`'s own. `answer`: what the vendor said, in the
        family's words, if a caller may read it.
        """
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.answer = answer
        self.status = status


class TaskAdapter(Protocol):
    """One kind of server that offers a family."""

    @property
    def batch(self) -> int:
        """After how many tasks one request may ask."""

    @property
    def actions(self) -> frozenset[str]:
        """What it can do; anything else is asked of another channel."""

    def submit(self, wanted: Submission) -> Ask:
        """Raises `Declined` for what it cannot do."""

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        """`reply`: decoded JSON, or None if it was none. Raises `Declined`."""

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        """Asks after at most `batch` tasks."""

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        """By upstream id; one that is missing is unknown to the vendor. Raises `ValueError` for no answer at all."""

    def cancel(self, upstream_id: str) -> Ask | None:
        """None: it cannot be cancelled there."""
        return None

    def find(self, wanted_id: str) -> Ask | None:
        """Asks for the task that our id was sent along with, where an answer was lost; None: nobody can tell."""
        return None

    def found(self, wanted_id: str, status: int, reply: Any) -> str | None:
        """The upstream id; None: the vendor has no such task."""
        return None

    def called_back(self, reply: Any) -> str | None:
        """The upstream id in a body that the vendor posted to `callback_url`; None if there is none."""
        return None
