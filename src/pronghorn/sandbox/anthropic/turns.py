"""The conversation as Anthropic reads it: neighbouring messages of one role are one turn, made of blocks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Shape = dict[str, Any]


@dataclass(slots=True)
class Turn:
    role: str
    blocks: list[tuple[str, Shape]] = field(default_factory=list)
    """Each with its path in the request, such as `messages.0.content.1`."""
    path: str = ""
    """Of the last message that belongs to it."""

    def of(self, *kinds: str) -> list[tuple[str, Shape]]:
        return [(path, block) for path, block in self.blocks if block["type"] in kinds]

    def text(self) -> str:
        return " ".join(block["text"] for _, block in self.of("text"))


def turns(messages: list[Shape]) -> list[Turn]:
    found: list[Turn] = []
    for index, message in enumerate(messages):
        if not found or found[-1].role != message["role"]:
            found.append(Turn(message["role"]))
        found[-1].path = path = f"messages.{index}"
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found[-1].blocks += [(f"{path}.content.{place}", block) for place, block in enumerate(blocks)]
    return found


def with_inner(path: str, block: Shape) -> Iterator[tuple[str, Shape]]:
    """The block and the blocks that stand in it: those of a tool's result, of a document, of a search result."""
    yield path, block
    inner = block.get("content")
    if block["type"] == "document" and block["source"]["type"] == "content":
        path, inner = f"{path}.source", block["source"]["content"]
    if block["type"] in ("tool_result", "document", "search_result") and isinstance(inner, list):
        for place, part in enumerate(inner):
            yield from with_inner(f"{path}.content.{place}", part)


def answers_tools(turn: Turn) -> bool:
    return turn.role == "user" and bool(turn.of("tool_result"))


def thinks(body: Shape, found: list[Turn], betas: frozenset[str]) -> bool:
    """Whether the answer begins with thinking. Between tool calls that needs more than `enabled`."""
    kind = thinking_type(body)
    is_between_tools = answers_tools(found[-1])
    if kind == "enabled":
        return not is_between_tools or any(beta.startswith("interleaved-thinking-") for beta in betas)
    return kind == "adaptive" or (kind == "between_tools" and is_between_tools)


def thinking_type(body: Shape) -> str:
    return str((body.get("thinking") or {}).get("type", "disabled"))


def is_paused(turn: Turn) -> bool:
    """Whether the turn ended while one of Anthropic's own tools was running."""
    return bool(turn.of("server_tool_use")) and turn.blocks[-1][1]["type"] == "server_tool_use"
