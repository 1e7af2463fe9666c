"""A finished message as the events that tell it: the whole and the stream cannot differ."""

import json
from collections.abc import Iterator
from typing import Any

from pronghorn.sandbox import counting
from pronghorn.sandbox.anthropic.calls import error_type

PIECE_CHARACTERS = 12

Shape = dict[str, Any]

_TOLD_LAST = ("stop_reason", "stop_sequence", "stop_details", "container")
_COUNTED_LAST = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
)


def events_of(message: Shape) -> Iterator[Shape]:
    """The finished message as the events that tell it; numbers of tokens grow, they are no differences."""
    usage = message["usage"]
    begun: Shape = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield {
        "type": "message_start",
        "message": message | begun | {"usage": usage | {"output_tokens": min(1, usage["output_tokens"])}},
    }
    for index, block in enumerate(message["content"]):
        first, deltas = _taken_apart(block)
        yield {"type": "content_block_start", "index": index, "content_block": first}
        if not index:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {name: message[name] for name in _TOLD_LAST},
        "usage": {name: usage[name] for name in _COUNTED_LAST},
    }
    yield {"type": "message_stop"}


def broken_off(events: Iterator[Shape]) -> Iterator[Shape]:
    """The events up to the first piece of text, then an error."""
    for event in events:
        yield event
        if event["type"] == "content_block_delta":
            break
    yield {"type": "error", "error": {"type": error_type(529), "message": "Overloaded"}}


def _taken_apart(block: Shape) -> tuple[Shape, list[Shape]]:
    """How a block begins, and the deltas that make it whole."""
    kind = block["type"]
    if kind == "text":
        pieces = [{"type": "text_delta", "text": token} for token in counting.tokens(block["text"])]
        cited = block["citations"] or []
        pieces += [{"type": "citations_delta", "citation": citation} for citation in cited]
        return block | {"text": "", "citations": [] if cited else None}, pieces
    if kind == "thinking":
        tokens = counting.tokens(block["thinking"])
        pieces = [{"type": "thinking_delta", "thinking": token} for token in tokens]
        pieces.append({"type": "signature_delta", "signature": block["signature"]})
        return block | {"thinking": "", "signature": ""}, pieces
    if kind in ("tool_use", "server_tool_use"):
        text = json.dumps(block["input"], ensure_ascii=False)
        starts = range(0, len(text), PIECE_CHARACTERS)
        parts = ["", *(text[start : start + PIECE_CHARACTERS] for start in starts)]
        return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return block, []
