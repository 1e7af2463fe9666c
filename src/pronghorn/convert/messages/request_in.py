"""An Anthropic request as a canonical turn. Leading system text and tool results become messages of their own.

What only Anthropic has, such as Claude Code's `context_management`, is named as unknown and never an error.
"""

import re
from collections.abc import Callable
from typing import Any, get_args

from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.messages.blocks_in import Unknown, read_cache, read_content
from pronghorn.convert.messages.signatures import NAME, settle
from pronghorn.convert.turn import (
    Effort,
    Foreign,
    HostedTool,
    Json,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    Turn,
)

_CLAUDE_CODE_USER = re.compile(r"user_.*_account_|\s*\{")
"""Hashes of an account and a session: Anthropic's business alone."""

_PLAIN: dict[str, tuple[str, Callable[[Fields, str], Any]]] = {
    "max_tokens": ("max_output_tokens", Fields.integer),
    "temperature": ("temperature", Fields.number),
    "top_p": ("top_p", Fields.number),
    "top_k": ("top_k", Fields.integer),
    "stop_sequences": ("stop", Fields.strings),
}
"""Where the canonical turn has what means the same there."""

_TIERS = {"auto": "auto", "standard_only": "default"}
_CHOICES: dict[str, Any] = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}
_EFFORTS = frozenset(get_args(Effort)) - {"none"}


def read_request(body: Json) -> Turn:
    fields = Fields(body, "$")
    turn = Turn(model=fields.text("model") or "", at={}, unknown=[])
    turn.messages = _read_system(fields, turn.unknown) + _read_messages(fields, turn.unknown)
    turn.tools = [
        _read_tool(tool, f"$.tools[{i}]", turn.unknown)
        for i, tool in enumerate(fields.listing("tools") or ())
    ]
    turn.is_stream = fields.flag("stream") or False
    for name, (field, read) in _PLAIN.items():
        if name in body:
            _give(turn, field, read(fields, name), f"$.{name}")
    _read_tool_choice(fields, turn)
    _read_output(fields, turn)
    _read_user(fields, turn)
    tier = fields.text("service_tier")
    if tier is not None and tier not in _TIERS:
        turn.unknown.append("$.service_tier")
    elif tier is not None:
        _give(turn, "service_tier", _TIERS[tier], "$.service_tier")
    turn.unknown += fields.left()
    return turn


def _give(turn: Turn, name: str, value: Any, at: str) -> None:
    if value is not None:
        setattr(turn, name, value)
        turn.at[name] = at


# Messages.


def _read_system(fields: Fields, unknown: Unknown) -> list[Message]:
    parts = _texts(read_content(fields.take("system"), "$.system", unknown), "$.system")
    return [Message("system", parts, at="$.system")] if parts else []


def _texts(parts: list[Part], at: str) -> list[Part]:
    for part in parts:
        if not isinstance(part, Text):
            raise wrong(part.at, "a text block: system prompts are text alone")
    return parts


def _read_messages(fields: Fields, unknown: Unknown) -> list[Message]:
    found = fields.listing("messages")
    if found is None:
        raise wrong("$.messages", "a list of messages")
    messages: list[Message] = []
    for i, value in enumerate(found):
        at = f"$.messages[{i}]"
        plain = _plain(value, at)
        messages += [plain] if plain is not None else _read_message(Fields(value, at), unknown)
    return messages


def _plain(value: Any, at: str) -> Message | None:
    """Text and nothing else, as most messages are, and quickly; None for any other."""
    if not isinstance(value, dict) or len(value) != 2:
        return None
    role, content = value.get("role"), value.get("content")
    if role != "user" and role != "assistant":
        return None
    where = f"{at}.content"
    if isinstance(content, list) and len(content) == 1 and isinstance(block := content[0], dict):
        where += "[0]"
        content = block.get("text") if len(block) == 2 and block.get("type") == "text" else None
    return Message(role, [Text(content, at=where)], at=at) if isinstance(content, str) else None


def _read_message(fields: Fields, unknown: Unknown) -> list[Message]:
    """One, or two where results of tools have to stand before what the user says."""
    role = fields.required_text("role")
    parts = read_content(fields.take("content"), fields.path("content"), unknown)
    unknown += fields.left()
    if role == "system":
        return [Message("system", _texts(parts, fields.at), at=fields.at)]
    if role == "assistant":
        return [Message("assistant", settle(parts), at=fields.at)]
    if role != "user":
        raise wrong(fields.path("role"), "`user`, `assistant` or `system`")
    results: list[Part] = [part for part in parts if type(part) is ToolResult]
    others: list[Part] = [part for part in parts if type(part) is not ToolResult]
    messages = [Message("tool", results, at=fields.at)] if results else []
    return messages + _spoken(others, fields.at, unknown) if others or not results else messages


def _spoken(parts: list[Part], at: str, unknown: Unknown) -> list[Message]:
    """What a user says, cut where a block holds words of the system."""
    messages = [Message("user", [], at=at)]
    for part in parts:
        if isinstance(part, Foreign) and part.raw.get("type") == "mid_conv_system":
            texts = _texts(read_content(part.raw.get("content"), f"{part.at}.content", unknown), part.at)
            messages += [Message("system", texts, at=part.at), Message("user", [], at=at)]
        else:
            messages[-1].parts.append(part)
    return [message for message in messages if message.parts] or messages[:1]


# Tools.


def _read_tool(value: Any, at: str, unknown: Unknown) -> Tool | HostedTool:
    fields = Fields(value, at)
    kind = fields.text("type")
    if kind not in (None, "custom"):
        return HostedTool(
            "web_search" if kind.startswith("web_search_") else "other", NAME, fields.members, at
        )
    tool = Tool(
        fields.required_text("name"),
        fields.text("description") or "",
        fields.mapping("input_schema"),
        fields.flag("strict"),
        cache=read_cache(fields, unknown),
        at=at,
    )
    unknown += fields.left()
    return tool


def _read_tool_choice(fields: Fields, turn: Turn) -> None:
    found = fields.nested("tool_choice")
    if found is None:
        return
    kind = found.required_text("type")
    if kind not in _CHOICES:
        raise wrong(found.path("type"), "`auto`, `any`, `tool` or `none`")
    names = [found.required_text("name")] if kind == "tool" else []
    _give(turn, "tool_choice", ToolChoice(_CHOICES[kind], names), found.at)
    is_single = found.flag("disable_parallel_tool_use")
    if is_single is not None:
        _give(turn, "parallel_tool_calls", not is_single, found.path("disable_parallel_tool_use"))
    turn.unknown += found.left()


# How to answer.


def _read_output(fields: Fields, turn: Turn) -> None:
    """`thinking` says whether to think, `output_config.effort` how hard."""
    reasoning = _read_thinking(fields, turn)
    config = fields.nested("output_config")
    _read_format(fields.nested("output_format"), turn)  # where the beta had it
    if config is not None:
        _read_format(config.nested("format"), turn)
        effort = config.text("effort")
        if effort is not None and (effort not in _EFFORTS or (reasoning and reasoning.effort == "none")):
            turn.unknown.append(config.path("effort"))
        elif effort is not None:
            reasoning = reasoning or Reasoning()
            reasoning.effort = effort  # type: ignore[assignment]
            reasoning.budget = None if reasoning.budget == -1 else reasoning.budget
            turn.at.setdefault("reasoning", config.path("effort"))
        turn.unknown += config.left()
    turn.reasoning = reasoning


def _read_thinking(fields: Fields, turn: Turn) -> Reasoning | None:
    found = fields.nested("thinking")
    if found is None:
        return None
    turn.at["reasoning"] = found.at
    kind, budget = found.required_text("type"), found.integer("budget_tokens")
    is_shown = found.text("display") != "omitted"
    turn.unknown += found.left()
    if kind == "disabled":
        return Reasoning(effort="none")
    return Reasoning(budget=budget if kind == "enabled" and budget is not None else -1, is_shown=is_shown)


def _read_format(found: Fields | None, turn: Turn) -> None:
    if found is None:
        return
    if found.required_text("type") != "json_schema":
        turn.unknown.append(found.at)
        return
    schema = found.mapping("schema")
    if schema is None:
        raise wrong(found.path("schema"), "an object")
    _give(turn, "output_format", OutputFormat("json_schema", schema=schema), found.at)
    turn.unknown += found.left()


def _read_user(fields: Fields, turn: Turn) -> None:
    metadata = fields.nested("metadata")
    if metadata is None:
        return
    user = metadata.text("user_id")
    if user is not None and _CLAUDE_CODE_USER.match(user):
        turn.unknown.append(metadata.path("user_id"))
    else:
        _give(turn, "user", user, metadata.path("user_id"))
    turn.unknown += metadata.left()
