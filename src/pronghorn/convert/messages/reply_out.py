"""A canonical answer as a whole Anthropic message. There is one choice in it: the first."""

import secrets

from pronghorn.convert import custom, opaque
from pronghorn.convert.arguments import as_object
from pronghorn.convert.messages.citations import write_citation
from pronghorn.convert.messages.signatures import NAME, carrier
from pronghorn.convert.turn import (
    Choice,
    Finish,
    Foreign,
    Json,
    Media,
    Part,
    Refusal,
    Reply,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.convert.usage import to_messages
from pronghorn.wire.usage import Usage

_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "truncated": "max_tokens",
    "error": "max_tokens",
}
_TIERS = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}


def write_reply(reply: Reply, turn: Turn) -> Json:
    choice = reply.choices[0] if reply.choices else Choice([])
    message = envelope(reply.id, reply.model or turn.model, reply.usage, reply.service_tier)
    for part in choice.parts:
        message["content"] += _blocks(part)
    has_refusal = any(isinstance(part, Refusal) for part in choice.parts)
    return message | write_stop(choice.finish, choice.stop_sequence, choice.detail, has_refusal)


def envelope(id: str, model: str, usage: Usage | None, service_tier: str) -> Json:
    """A message that says nothing yet."""
    return {
        "id": id if id.startswith("msg_") else f"msg_{id or secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": to_messages(usage or Usage())
        | {"server_tool_use": None, "service_tier": _TIERS.get(service_tier), "inference_geo": None},
    }


def write_stop(finish: Finish, stop_sequence: str, detail: Json | None, has_refusal: bool) -> Json:
    reason = _REASONS[finish]
    if reason == "end_turn" and has_refusal:
        reason = "refusal"
    elif reason == "end_turn" and stop_sequence:
        reason = "stop_sequence"
    is_ours = detail is not None and detail.get("type") == "refusal"
    return {
        "stop_reason": reason,
        "stop_sequence": stop_sequence or None,
        "stop_details": detail if is_ours and reason == "refusal" else None,
    }


def _blocks(part: Part) -> list[Json]:
    block = _block(part)
    if block is None:
        return []
    before = carrier(part)
    return [block] if before is None else [before, block]


def _block(part: Part) -> Json | None:
    if isinstance(part, Text):
        found = [write_citation(citation, part.text) for citation in part.citations]
        return text_block(part.text) | {"citations": [raw for raw in found if raw is not None] or None}
    if isinstance(part, Thinking):
        return thinking_block(part)
    if isinstance(part, ToolCall):
        return tool_block(part) | {
            "input": custom.wrap(part.arguments) if part.is_custom else as_object(part.arguments)
        }
    if isinstance(part, Refusal):
        return text_block(part.text)
    if isinstance(part, Media):
        text = media_text(part)
        return text_block(text) if text else None
    return part.raw if isinstance(part, Foreign) and part.origin == NAME else None


def text_block(text: str) -> Json:
    return {"type": "text", "text": text, "citations": None}


def tool_block(part: ToolCall) -> Json:
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}, "caller": {"type": "direct"}}


def thinking_block(part: Thinking) -> Json | None:
    """Foreign signatures travel wrapped. None for thinking that there is nothing of."""
    signature = opaque.wrap(part.signature, NAME) if part.signature is not None else ""
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": signature} if signature else None
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def media_text(part: Media) -> str:
    """This dialect's answers have no pictures: Markdown shows one, and of a sound there is what it says."""
    if part.kind == "audio" or part.transcript:
        return part.transcript
    address = part.url or f"data:{part.mime};base64,{part.data}"
    return f"![{part.name or part.kind}]({address})"
