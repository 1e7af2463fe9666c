"""The prompt as pieces for counting and for the cache: tools, then system, then messages, block by block."""

import json
from typing import Any

from pronghorn.sandbox import counting
from pronghorn.sandbox.anthropic.attachments import Attachments
from pronghorn.sandbox.anthropic.cache import Piece
from pronghorn.sandbox.anthropic.turns import Turn, with_inner

TOKENS_PER_TURN = 4

Shape = dict[str, Any]


def pieces(body: Shape, turns: list[Turn], seen: Attachments) -> list[Piece]:
    found = [_piece("tool", tool, counting.count(_canonical(tool))) for tool in body.get("tools") or ()]
    system = body.get("system") or []
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    found += [_piece("system", block, counting.count(block["text"])) for block in blocks]
    for turn in turns:
        for place, (path, block) in enumerate(turn.blocks):
            tokens = _weight(path, block, seen) + (0 if place else TOKENS_PER_TURN)
            found.append(_piece(turn.role, block, tokens))
            found[-1].mark = found[-1].mark or _inner_mark(path, block)
    if found and body.get("cache_control"):
        found[-1].mark = body["cache_control"].get("ttl") or "5m"
    return found


def _piece(kind: str, block: Shape, tokens: int) -> Piece:
    mark = block.get("cache_control")
    return Piece(f"{kind} {_canonical(block)}", tokens, (mark.get("ttl") or "5m") if mark else "")


def _inner_mark(path: str, block: Shape) -> str:
    """A mark inside a block keeps the whole block."""
    marks = [inner["cache_control"] for _, inner in with_inner(path, block) if inner.get("cache_control")]
    return (marks[-1].get("ttl") or "5m") if marks else ""


def _canonical(block: Shape) -> str:
    """The same text for the same block, marked or not."""
    return json.dumps(_unmarked(block), sort_keys=True)


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _weight(path: str, block: Shape, seen: Attachments) -> int:
    tokens = 0
    for _, inner in with_inner(path, block):
        if id(inner) in seen.tokens:
            tokens += seen.tokens[id(inner)]
        elif inner["type"] == "text":
            tokens += counting.count(inner["text"])
        elif isinstance(inner.get("content"), str) and inner["type"] == "tool_result":
            tokens += counting.count(inner["content"])
        elif inner["type"] not in ("tool_result", "search_result"):
            tokens += counting.count(_canonical({**inner, "signature": ""}))
    return tokens
