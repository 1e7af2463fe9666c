"""What may follow what: roles, tool results after tool calls, thinking that was not touched, at most four marks."""

from collections import Counter
from typing import Any

from pronghorn.sandbox.anthropic.request_shape import SERVER_RESULTS
from pronghorn.sandbox.anthropic.seal import Seal
from pronghorn.sandbox.anthropic.shape import refuse
from pronghorn.sandbox.anthropic.turns import Turn, answers_tools, thinking_type, with_inner
from pronghorn.sandbox.errors import SandboxError

MAX_IMAGES = 100
MAX_MARKS = 4

Shape = dict[str, Any]

_USER_KINDS = frozenset(
    ("text", "image", "document", "search_result", "tool_result", "container_upload", "mid_conv_system")
)
_ANY_KINDS = frozenset(("text", "document", "mid_conv_system"))


def check(body: Shape, turns: list[Turn], seal: Seal, version: str) -> None:
    """Raises `SandboxError` in Anthropic's words. `turns` are never empty afterwards."""
    if not turns:
        raise refuse("messages", "at least one message is required")
    if turns[0].role != "user":
        raise refuse("messages", 'first message must use the "user" role')
    _check_content(body["messages"])
    for index, turn in enumerate(turns):
        _check_kinds(turn)
        following = turns[index + 1] if index + 1 < len(turns) else None
        previous = turns[index - 1] if index else None
        if turn.role == "assistant":
            _check_calls(turn, following)
            _check_server_calls(turn, is_last=following is None)
            _check_signatures(turn, seal)
        elif turn.role == "user":
            _check_results(turn, previous)
        if version >= "2026-10-21":
            _check_newer_rules(turn)
    if thinking_type(body) == "enabled":
        _check_thinking_before_tools(turns)
    _check_marks(body, turns)
    images = [block for turn in turns for block in _all_blocks(turn) if block["type"] == "image"]
    if len(images) > MAX_IMAGES:
        raise refuse("messages", f"too many images: {len(images)} > {MAX_IMAGES}")


def _check_content(messages: list[Shape]) -> None:
    """An empty assistant message may stand at the end: nothing to begin the answer with."""
    for index, message in enumerate(messages):
        is_last = index == len(messages) - 1
        if not message["content"] and not (is_last and message["role"] == "assistant"):
            raise refuse(
                f"messages.{index}",
                "all messages must have non-empty content except for the optional final assistant message",
            )


def _check_kinds(turn: Turn) -> None:
    for path, block in turn.blocks:
        kind = block["type"]
        is_fitting = kind in _ANY_KINDS or (kind in _USER_KINDS) == (turn.role == "user")
        if not is_fitting or (turn.role == "system" and kind != "text"):
            raise refuse(path, f"`{kind}` blocks are not allowed in `{turn.role}` messages")


def _check_calls(turn: Turn, following: Turn | None) -> None:
    called = [block["id"] for _, block in turn.of("tool_use")]
    if len(set(called)) < len(called):
        raise refuse(turn.path, "`tool_use` ids must be unique")
    answered = set()
    for _, block in following.blocks if following is not None else ():
        if block["type"] != "tool_result":
            break
        answered.add(block["tool_use_id"])
    missing = [call for call in called if call not in answered]
    if missing:
        raise refuse(
            turn.path,
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        )


def _check_results(turn: Turn, previous: Turn | None) -> None:
    called = {block["id"] for _, block in previous.of("tool_use")} if previous is not None else set()
    results = turn.of("tool_result")
    for path, block in results:
        if block["tool_use_id"] not in called:
            raise refuse(
                path,
                f"unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
            )
    counts = Counter(block["tool_use_id"] for _, block in results)
    for path, block in results:
        if counts[block["tool_use_id"]] > 1:
            raise refuse(
                path,
                "each tool_use must have a single result. Found multiple `tool_result` blocks with id: "
                f"{block['tool_use_id']}",
            )


def _check_server_calls(turn: Turn, *, is_last: bool) -> None:
    """Anthropic's own tools are answered in the same turn; only the last turn may have stopped before that."""
    waiting: dict[str, str] = {}
    for path, block in turn.blocks:
        kind = block["type"]
        if kind == "server_tool_use":
            waiting[block["id"]] = block["name"]
        elif kind not in SERVER_RESULTS:
            continue
        elif waiting.pop(block["tool_use_id"], None) is None:
            raise refuse(path, f"unexpected `tool_use_id` found in `{kind}` blocks: {block['tool_use_id']}")
    for call, name in waiting.items():
        if not is_last:
            raise refuse(
                turn.path,
                f"`{name}` tool use with id `{call}` was found without a corresponding "
                f"`{name}_tool_result` block",
            )


def _check_signatures(turn: Turn, seal: Seal) -> None:
    for path, block in turn.blocks:
        if block["type"] == "thinking":
            if not seal.is_signed("thinking", block["thinking"], block["signature"]):
                raise refuse(path, "Invalid `signature` in `thinking` block")
        elif block["type"] == "redacted_thinking":
            if not seal.is_wrapped("redacted", block["data"]):
                raise refuse(path, "Invalid `data` in `redacted_thinking` block")
        elif block["type"] == "web_search_tool_result" and isinstance(block["content"], list):
            for place, result in enumerate(block["content"]):
                if not seal.is_wrapped("search", result["encrypted_content"]):
                    raise refuse(
                        f"{path}.content.{place}", "Invalid `encrypted_content` in `search_result` block"
                    )


def _check_newer_rules(turn: Turn) -> None:
    """What version 2026-10-21 takes away."""
    for path, block in turn.blocks:
        if turn.role == "assistant" and block["type"] == "document":
            raise refuse(path, "`document` blocks are not allowed in `assistant` messages")
        if turn.role == "user":
            for inner_path, inner in with_inner(path, block):
                if inner["type"] == "text" and inner.get("citations"):
                    raise refuse(f"{inner_path}.citations", "citations are not allowed in `user` messages")


def _check_thinking_before_tools(turns: list[Turn]) -> None:
    """While tools answer it is one long assistant turn, and that has to begin with its thinking."""
    if not answers_tools(turns[-1]):
        return
    start = max(index for index, turn in enumerate(turns) if turn.role == "user" and not answers_tools(turn))
    first = next(turn for turn in turns[start:] if turn.role == "assistant")
    path, block = first.blocks[0]
    if block["type"] not in ("thinking", "redacted_thinking"):
        raise refuse(
            f"{path}.type",
            f"Expected `thinking` or `redacted_thinking`, but found `{block['type']}`. When `thinking` is "
            "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
            "set of `tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`.",
        )


def _check_marks(body: Shape, turns: list[Turn]) -> None:
    """Cache marks in the order in which the prompt is read: tools, system, messages."""
    system = body.get("system")
    blocks = [*(body.get("tools") or ()), *(system if isinstance(system, list) else ())]
    blocks += [block for turn in turns for block in _all_blocks(turn)]
    marks = [block["cache_control"] for block in [*blocks, body] if block.get("cache_control")]
    if len(marks) > MAX_MARKS:
        raise SandboxError(
            f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
        )
    lives = [mark.get("ttl") or "5m" for mark in marks]
    if lives != sorted(lives):
        raise SandboxError(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
        )


def _all_blocks(turn: Turn) -> list[Shape]:
    return [inner for path, block in turn.blocks for _, inner in with_inner(path, block)]
