"""Reasoning items and what is proved by them: encrypted content goes back with the id of the item that it came in.

Signatures of other dialects travel wrapped in `encrypted_content`. Those of calls and texts, which have no place of
their own here, stand in an item without a summary: before the part that they belong to, or right after it.
"""

import re
from typing import Any

import msgspec

from pronghorn.convert import opaque
from pronghorn.convert.turn import Json, Part, Signature, Text, Thinking, ToolCall

NAME = "responses"
_OF_NEXT, _OF_LAST = "+", "-"
"""Added to the origin of a signature that is a call's or a text's, and says on which side it stands."""
_ID = re.compile(r"rs_[a-zA-Z0-9_-]+")


class Carried(msgspec.Struct):
    """A signature on its way to the part after it, or before it."""

    signature: Signature
    is_of_next: bool
    at: str = ""


def read_item(item: Json) -> Thinking | Carried | None:
    """None for an item that says and proves nothing."""
    text, item_id = _text(item), _string(item.get("id"))
    proof = _string(item.get("encrypted_content"))
    if not proof:
        return None if text is None else Thinking(text, id=item_id)
    signature = opaque.unwrap(proof, NAME)
    if signature.origin == NAME:
        kept = Signature(NAME, f"{item_id}\n{proof}" if item_id else proof)
        return Thinking(text or "", kept, is_redacted=text is None, id=item_id)
    if text is None and signature.origin[-1:] in (_OF_NEXT, _OF_LAST):
        return Carried(Signature(signature.origin[:-1], signature.data), signature.origin[-1] == _OF_NEXT)
    if text is None and signature.origin == "generate":  # whose thoughts are never without their text
        return Carried(signature, True)
    return Thinking(text or "", signature, is_redacted=text is None, id=item_id)


def _text(item: Json) -> str | None:
    """The summary, or where a model hides nothing the reasoning itself. None where there is neither."""
    for name, joint in (("summary", "\n\n"), ("content", "")):
        entries = item.get(name)
        if isinstance(entries, list) and entries:
            return joint.join(_string(entry.get("text")) for entry in entries if isinstance(entry, dict))
    return None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def settle(parts: list[Part | Carried]) -> list[Part]:
    """Each carried signature goes to its part; to a text without words where there is none."""
    if Carried not in map(type, parts):
        return parts  # type: ignore[return-value]  # as was just seen
    settled: list[Part] = []
    waiting: Carried | None = None
    for part in parts:
        if isinstance(part, Carried):
            if waiting is not None:
                settled.append(_alone(waiting))
                waiting = None
            last = settled[-1] if settled else None
            if part.is_of_next:
                waiting = part
            elif isinstance(last, Text) and last.signature is None:
                last.signature = part.signature
            else:
                settled.append(_alone(part))
            continue
        if waiting is not None:
            if isinstance(part, Text | ToolCall) and part.signature is None:
                part.signature = waiting.signature
            else:
                settled.append(_alone(waiting))
            waiting = None
        settled.append(part)
    if waiting is not None:
        settled.append(_alone(waiting))
    return settled


def _alone(carried: Carried) -> Text:
    return Text("", signature=carried.signature, at=carried.at)


def carrier(signature: Signature, item_id: str, *, is_of_next: bool = True) -> Json:
    """The item that brings a call's or text's signature."""
    side = _OF_NEXT if is_of_next else _OF_LAST
    proof = opaque.wrap(Signature(signature.origin + side, signature.data), NAME)
    return {"id": item_id, "type": "reasoning", "summary": [], "encrypted_content": proof}


def write_item(part: Thinking, item_id: str = "") -> Json:
    """`item_id` is for thinking that has none of its own; without any, none is said."""
    item: Json = {"type": "reasoning", "summary": []}
    if not part.is_redacted:
        item["summary"].append({"type": "summary_text", "text": part.text})
    found = part.id if _ID.fullmatch(part.id) else item_id
    signature = part.signature
    if signature is not None and signature.origin == NAME:
        own_id, _, proof = signature.data.rpartition("\n")
        found = own_id or item_id
        item["encrypted_content"] = proof
    elif signature is not None:
        item["encrypted_content"] = opaque.wrap(signature, NAME)
    return {"id": found} | item if found else item
