"""A Gemini request as a canonical turn. The model and whether it streams are in the path, so that the caller says them.

Results of functions become messages of their own before the rest of their content; what a model said in several
contents, as clients that keep streams have it, is one message.
"""

from typing import Any

from pronghorn.convert.fields import wrong
from pronghorn.convert.generate.config_in import give, read_config
from pronghorn.convert.generate.names import Named
from pronghorn.convert.generate.parts_in import Calls, Unknown, read_part, settle
from pronghorn.convert.generate.schema import as_json_schema
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import (
    HostedTool,
    Json,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    Turn,
)

_ROLES: dict[str, Role] = {
    "user": "user",
    "": "user",
    "function": "user",
    "tool": "user",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_MODES: dict[str, Any] = {
    "AUTO": "auto",
    "MODE_UNSPECIFIED": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}
_TIERS = {"unspecified": "auto", "standard": "default", "flex": "flex", "priority": "priority"}
_SEARCHES = ("googleSearch", "googleSearchRetrieval")


def read_request(body: Json) -> Turn:
    fields = Named(body, "$")
    turn = Turn(model=(fields.text("model") or "").removeprefix("models/"), at={}, unknown=[])
    turn.messages = _read_system(fields, turn.unknown) + _read_contents(fields, turn.unknown)
    for value, at in fields.many("tools"):
        turn.tools += _read_tool(Named(value, at), turn.unknown)
    _read_tool_config(fields.nested("toolConfig"), turn)
    config = fields.nested("generationConfig")
    if config is not None:
        read_config(config, turn)
    tier = fields.text("serviceTier")
    if tier is not None and tier.lower() in _TIERS:
        give(turn, "service_tier", _TIERS[tier.lower()], fields.path("serviceTier"))
    elif tier is not None:
        turn.unknown.append(fields.path("serviceTier"))
    turn.unknown += fields.left()
    return turn


# Contents.


def _read_system(fields: Named, unknown: Unknown) -> list[Message]:
    at = fields.path("systemInstruction")
    kept: list[Part] = []
    for value, place in fields.many("systemInstruction"):
        _, parts = _read_content(value, place, Calls(), unknown)
        for part in parts:
            if type(part) is not Text:
                unknown.append(part.at)
            elif part.text:
                kept.append(part)
    return [Message("system", kept, at=at)] if kept else []


def _read_contents(fields: Named, unknown: Unknown) -> list[Message]:
    if not fields.has("contents"):
        raise wrong("$.contents", "a list of contents")
    calls = Calls()
    messages: list[Message] = []
    for value, at in fields.many("contents"):
        is_plain = _is_plain(value)
        is_model = value["role"] == "model" if is_plain else _is_model(value)
        goes_on = is_model and bool(messages) and messages[-1].role == "assistant"
        if is_model and not goes_on:
            calls.begin()
        if is_plain:
            role: Role = "assistant" if is_model else "user"
            parts = _read_parts(value["parts"], at, calls, unknown)
        else:
            role, parts = _read_content(value, at, calls, unknown)
        if goes_on or ToolResult in map(type, parts):
            messages += _split(role, parts, at, messages[-1] if goes_on else None)
        else:
            messages.append(Message(role, parts, at=at))
    for message in messages:
        if message.role == "assistant":
            message.parts = settle(message.parts)
    return messages


def _is_plain(value: Any) -> bool:
    """As nearly all contents are: there is no need to look for odd spellings."""
    return (
        type(value) is dict
        and len(value) == 2
        and ((role := value.get("role")) == "user" or role == "model")
        and type(value.get("parts")) is list
    )


def _split(role: Role, parts: list[Part], at: str, last: Message | None) -> list[Message]:
    """What a model says comes before results of functions, what a user says after them.

    `last` is the message that goes on.
    """
    results: list[Part] = [part for part in parts if type(part) is ToolResult]
    others: list[Part] = [part for part in parts if type(part) is not ToolResult]
    told = [Message("tool", results, at=at)] if results else []
    if last is not None:
        last.parts += others
        return told
    if results and not others:
        return told
    said = Message(role, others, at=at)
    return [said, *told] if role == "assistant" else [*told, said]


def _read_parts(found: list[Any], at: str, calls: Calls, unknown: Unknown) -> list[Part]:
    parts = []
    for i, value in enumerate(found):
        part = read_part(value, f"{at}.parts[{i}]", calls, unknown)
        if part is not None:
            parts.append(part)
    return parts


def _is_model(value: Any) -> bool:
    role = value.get("role") if isinstance(value, dict) else None
    return role == "model" or (role != "user" and _ROLES.get(str(role).lower()) == "assistant")


def _read_content(value: Any, at: str, calls: Calls, unknown: Unknown) -> tuple[Role, list[Part]]:
    """A content, or what stands for one: a text, or a part alone."""
    if isinstance(value, str):
        return "user", [Text(value, at=at)]
    if type(value) is dict and len(value) == 1 and type(value.get("parts")) is list:
        return "user", _read_parts(value["parts"], at, calls, unknown)  # as system instructions are
    fields = Named(value, at)
    role = _ROLES.get((fields.text("role") or "").lower())
    if role is None:
        raise wrong(fields.path("role"), "`user` or `model`")
    if not fields.has("parts") and fields.members.keys() - {"role", "parts"}:
        alone = {name: member for name, member in fields.members.items() if name != "role"}
        part = read_part(alone, at, calls, unknown)
        return role, [] if part is None else [part]
    read = (read_part(part, place, calls, unknown) for part, place in fields.many("parts"))
    parts = [part for part in read if part is not None]
    unknown += fields.left()
    return role, parts


# Tools.


def _read_tool(fields: Named, unknown: Unknown) -> list[Tool | HostedTool]:
    """One object holds many functions, and one entry for each tool that the vendor runs."""
    tools: list[Tool | HostedTool] = [
        _read_function(Named(value, at), unknown) for value, at in fields.many("functionDeclarations")
    ]
    for name, value in fields.members.items():
        if name != "functionDeclarations" and value is not None:
            kind = "web_search" if name in _SEARCHES else "other"
            tools.append(HostedTool(kind, NAME, {name: value}, fields.path(name)))  # type: ignore[arg-type]
    return tools


def _read_function(fields: Named, unknown: Unknown) -> Tool:
    schema = fields.mapping("parametersJsonSchema")
    own = fields.mapping("parameters") if schema is None else None
    tool = Tool(
        fields.required_text("name"),
        fields.text("description") or "",
        as_json_schema(own) if own is not None else schema,
        at=fields.at,
    )
    unknown += fields.left()
    return tool


def _read_tool_config(fields: Named | None, turn: Turn) -> None:
    if fields is None:
        return
    calling = fields.nested("functionCallingConfig")
    if calling is not None:
        mode = _MODES.get((calling.text("mode") or "AUTO").upper())
        if mode is None:
            raise wrong(calling.path("mode"), "`AUTO`, `ANY`, `NONE` or `VALIDATED`")
        names = calling.strings("allowedFunctionNames") or []
        give(turn, "tool_choice", ToolChoice(mode, names), calling.at)
        turn.unknown += calling.left()
    turn.unknown += fields.left()
