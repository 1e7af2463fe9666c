"""Reasoning and signatures as chat carries them outside of OpenAI's own fields.

A thinking part is an entry of `reasoning_details`. Where a vendor's entry has members that we have no word for, the
whole entry but its text is the signature: it goes back as it came. Signatures of other dialects travel wrapped.
"""

from typing import Any

import msgspec

from pronghorn.convert import opaque
from pronghorn.convert.turn import Json, Signature, Thinking

NAME = "chat"
_PLAIN = frozenset({"type", "text", "signature", "data", "index", "id"})
_FORMATS = {
    "messages": "anthropic-claude-v1",
    "responses": "openai-responses-v1",
    "generate": "google-gemini-v1",
}
_encode = msgspec.json.encode


def plain_text(members: Json) -> str:
    """The reasoning of a message or delta by either of the two plain names."""
    text = members.get("reasoning_content") or members.get("reasoning")
    return text if isinstance(text, str) else ""


def detail_text(detail: Json) -> str:
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""


def read_detail(detail: Any) -> Thinking | None:
    """One entry; None if it holds nothing."""
    if not isinstance(detail, dict):
        return None
    text, signature = detail_text(detail), detail_signature(detail)
    if not text and signature is None:
        return None
    part_id = detail.get("id")
    return Thinking(
        text,
        signature,
        is_redacted=not text and signature is not None and detail.get("type") == "reasoning.encrypted",
        id=part_id if isinstance(part_id, str) else "",
    )


def detail_signature(detail: Json) -> Signature | None:
    proof = detail.get("signature") or detail.get("data")
    if not isinstance(proof, str) or not proof:
        return None
    signature = opaque.unwrap(proof, NAME)
    own = detail.keys() - _PLAIN
    if signature.origin != NAME or not own or (own == {"format"} and detail["format"] in (None, "unknown")):
        return signature
    kept = {key: value for key, value in detail.items() if key not in ("text", "summary")}
    return Signature(NAME, _encode(kept).decode())


def read_thinking(members: Json) -> list[Thinking]:
    """All reasoning of a whole message."""
    details = members.get("reasoning_details")
    parts = [part for part in map(read_detail, details) if part] if isinstance(details, list) else []
    text = plain_text(members)
    if text and not any(part.text for part in parts):
        if parts and not parts[0].is_redacted:
            parts[0].text = text
        else:
            parts.insert(0, Thinking(text))
    return parts


def write_detail(thinking: Thinking, index: int) -> Json:
    signature = thinking.signature
    if thinking.is_redacted and signature is not None:
        return signed_detail(signature, index, thinking.id, is_redacted=True)
    detail: Json = {"type": "reasoning.text", "text": "", "index": index}
    if signature is not None:
        detail |= signed_detail(signature, index, thinking.id)
    detail["summary" if detail["type"] == "reasoning.summary" else "text"] = thinking.text
    return detail


def signed_detail(signature: Signature, index: int, part_id: str = "", *, is_redacted: bool = False) -> Json:
    """What proves a thinking, without its text."""
    if signature.origin == NAME and signature.data.startswith("{"):
        try:
            return msgspec.json.decode(signature.data, type=dict[str, Any])
        except ValueError:  # no entry of a vendor: a signature that happens to begin so
            pass
    proof = opaque.wrap(signature, NAME)
    detail: Json = (
        {"type": "reasoning.encrypted", "data": proof}
        if is_redacted
        else {"type": "reasoning.text", "text": "", "signature": proof}
    )
    if part_id:
        detail["id"] = part_id
    return detail | {"index": index, "format": _FORMATS.get(signature.origin, "unknown")}


def read_thought(members: Json, origin: str) -> Signature | None:
    """Gemini's signature of a tool call or a text. `origin`: who is to understand it when nobody wrapped it."""
    extra = members.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    proof = google.get("thought_signature") if isinstance(google, dict) else None
    if not isinstance(proof, str) or not proof:
        return None
    return opaque.unwrap(proof, origin)


def write_thought(signature: Signature) -> Json:
    """The field that `read_thought` reads; one of Gemini's own dialect is not wrapped."""
    raw = signature.origin in ("generate", NAME)
    proof = signature.data if raw else opaque.wrap(signature, NAME)
    return {"google": {"thought_signature": proof}}
