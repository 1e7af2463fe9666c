"""Signatures of calls and texts, which this dialect has no place for: an empty thinking block before them holds one.

A client keeps thinking blocks as they are, so the signature is there when the conversation comes back.
"""

from pronghorn.convert import opaque
from pronghorn.convert.turn import Json, Part, Signature, Text, Thinking, ToolCall

NAME = "messages"
_OF_PART = "+"
"""Added to the origin where thinking without words may be signed as well; Gemini's is never without them."""
_PLAIN = "generate"


def read_signature(text: str | None) -> Signature | None:
    return opaque.unwrap(text, NAME) if text else None


def is_carrier(part: Part) -> bool:
    return (
        type(part) is Thinking
        and not part.text
        and not part.is_redacted
        and part.signature is not None
        and (part.signature.origin == _PLAIN or part.signature.origin[-1:] == _OF_PART)
    )


def carried(block: Thinking) -> Signature | None:
    """What a carrier holds."""
    found = block.signature
    return found and Signature(found.origin.removesuffix(_OF_PART), found.data)


def carrier(part: Part) -> Json | None:
    """The block to put before `part`'s own, if it needs one."""
    if not isinstance(part, Text | ToolCall) or part.signature is None or part.signature.origin == NAME:
        return None
    origin = part.signature.origin
    marked = Signature(origin if origin == _PLAIN else origin + _OF_PART, part.signature.data)
    return {"type": "thinking", "thinking": "", "signature": opaque.wrap(marked, NAME)}


def settle(parts: list[Part]) -> list[Part]:
    """Each carrier's signature goes to the call or text after it, the last one's to the text before it."""
    if not any(is_carrier(part) for part in parts):
        return parts
    settled: list[Part] = []
    waiting: Thinking | None = None
    for part in parts:
        takes = isinstance(part, Text | ToolCall) and part.signature is None
        if waiting is not None and takes:
            part.signature, waiting = carried(waiting), None  # type: ignore[union-attr]
        elif waiting is not None:
            _settle_back(settled, waiting)
            waiting = None
        if is_carrier(part):
            assert isinstance(part, Thinking)
            waiting = part
        else:
            settled.append(part)
    if waiting is not None:
        _settle_back(settled, waiting)
    return settled


def _settle_back(settled: list[Part], waiting: Thinking) -> None:
    last = settled[-1] if settled else None
    if isinstance(last, Text) and last.signature is None:
        last.signature = carried(waiting)
    else:
        settled.append(waiting)
