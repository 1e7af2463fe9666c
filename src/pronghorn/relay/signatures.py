"""Signatures of thoughts, remembered for clients that cannot carry them.

A vendor that thinks and calls a tool wants its signature back with the tool's result. Clients of other dialects get
it in a place of theirs, and many drop what they do not know. So it is kept by the id of the call, for a day.
"""

from collections.abc import Sequence

import msgspec

from pronghorn.convert.turn import Message, Part, Thinking, ToolCall, Turn
from pronghorn.relay.keeping import Keeper
from pronghorn.routing import Grant

KIND = "signature"
LIFE_S = 24 * 3600.0
ORIGINS = frozenset(("messages", "generate"))
"""Dialects whose vendors insist on their signatures."""


class Signed(msgspec.Struct):
    """What stood before the calls of one answer, and what each call was signed with."""

    thinking: list[Thinking]
    calls: list[ToolCall]


class Signatures:
    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def keep(self, grant: Grant, parts: Sequence[Part]) -> None:
        thinking = [part for part in parts if isinstance(part, Thinking) and part.signature is not None]
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls and (thinking or any(call.signature is not None for call in calls)):
            value = msgspec.json.encode(Signed(thinking, calls))
            await self._keeper.put(grant, KIND, calls[0].id, value, LIFE_S)

    async def recall(self, grant: Grant, turn: Turn, origin: str) -> None:
        """Put back what the client did not bring, in the tool loop that is under way; nothing older is asked for."""
        if origin not in ORIGINS:
            return
        for message in _loop(turn.messages):
            calls = [part for part in message.parts if isinstance(part, ToolCall)]
            is_signed = any(
                part.signature is not None and part.signature.origin == origin
                for part in message.parts
                if isinstance(part, Thinking | ToolCall)
            )
            if calls and not is_signed and (found := await self._keeper.get(grant, KIND, calls[0].id)):
                _put_back(message, calls, msgspec.json.decode(found, type=Signed))


def _loop(messages: list[Message]) -> list[Message]:
    """The assistant's messages since the user last spoke."""
    spoke = [place for place, message in enumerate(messages) if message.role == "user"]
    start = spoke[-1] + 1 if spoke else 0
    return [message for message in messages[start:] if message.role == "assistant"]


def _put_back(message: Message, calls: list[ToolCall], signed: Signed) -> None:
    known = {call.id: call.signature for call in signed.calls}
    for call in calls:
        call.signature = call.signature or known.get(call.id)
    others = [part for part in message.parts if not isinstance(part, Thinking)]
    message.parts = [*signed.thinking, *others] if signed.thinking else message.parts
