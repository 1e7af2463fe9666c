"""A whole Anthropic answer as a canonical one."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pronghorn.convert.messages.arguments import arguments_text
from pronghorn.convert.messages.citations import read_citation
from pronghorn.convert.messages.signatures import NAME, read_signature, settle
from pronghorn.convert.turn import Choice, Finish, Foreign, Json, Part, Reply, Text, Thinking, ToolCall
from pronghorn.convert.usage import from_anthropic
from pronghorn.wire import anthropic
from pronghorn.wire.usage import Usage

_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
}


def read_reply(body: Json) -> Reply:
    parts = settle([read_block(block) for block in body["content"]])
    has_call = any(isinstance(part, ToolCall) for part in parts)
    choice = Choice(
        parts,
        read_finish(body.get("stop_reason"), has_call),
        body.get("stop_sequence") or "",
        detail=body.get("stop_details"),
    )
    counts = body.get("usage") or {}
    return Reply(
        body.get("id") or "",
        body.get("model") or "",
        [choice],
        read_usage(counts),
        service_tier=read_tier(counts),
        unknown=["$.container"] if body.get("container") else [],
    )


def read_block(block: Json) -> Part:
    kind = block["type"]
    if kind == "text":
        return Text(block.get("text") or "", [read_citation(raw) for raw in block.get("citations") or ()])
    if kind == "thinking":
        return Thinking(block.get("thinking") or "", read_signature(block.get("signature")))
    if kind == "redacted_thinking":
        return Thinking(signature=read_signature(block.get("data")), is_redacted=True)
    if kind == "tool_use":
        return ToolCall(block["id"], block["name"], arguments_text(block.get("input")))
    return Foreign(NAME, block)


def read_finish(reason: Any, has_call: bool) -> Finish:
    """A word that nobody knows is a clean end. One with a call is for the caller to go on from."""
    finish = _FINISHES.get(reason, "stop")
    return "tool_calls" if has_call and finish in ("stop", "pause") else finish


def read_usage(counts: Mapping[str, Any]) -> Usage | None:
    try:
        return from_anthropic(msgspec.convert(counts, anthropic.UsageObject, strict=False))
    except msgspec.ValidationError:
        return None


def read_tier(counts: Mapping[str, Any]) -> str:
    tier = counts.get("service_tier") or ""
    return "default" if tier == "standard" else str(tier)
