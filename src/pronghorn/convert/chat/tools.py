"""Tools and the choice among them, in chat's nested form, the flat one of Responses, and the old one of functions."""

from typing import Any, Literal

from pronghorn.convert import custom
from pronghorn.convert.chat.manners import Manners
from pronghorn.convert.chat.messages_in import read_cache
from pronghorn.convert.dialect import Losses
from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.turn import HostedTool, Json, Tool, ToolChoice, Turn

_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
    "validated": "auto",
}


def read_tool(value: Any, at: str, unknown: list[str]) -> Tool | HostedTool:
    fields = Fields(value, at)
    kind = fields.take("type") or "function"
    if kind == "custom":
        return _read_custom(fields, unknown)
    if kind != "function":
        is_search = isinstance(kind, str) and kind.startswith("web_search")
        return HostedTool("web_search" if is_search else "other", "chat", fields.members, at)
    nested = fields.nested("function")
    if nested is None:
        return read_function(fields, at, unknown)
    tool = read_function(nested, nested.at, unknown)
    outer = read_cache(fields, unknown)
    if outer and not tool.cache:
        tool.cache, tool.at = outer, at
    unknown += fields.left()
    return tool


def read_function(fields: Fields, at: str, unknown: list[str]) -> Tool:
    tool = Tool(
        fields.required_text("name"),
        fields.text("description") or "",
        fields.mapping("parameters"),
        fields.flag("strict"),
        cache=read_cache(fields, unknown),
        at=at,
    )
    unknown += fields.left()
    return tool


def _read_custom(fields: Fields, unknown: list[str]) -> Tool:
    inner = fields.nested("custom") or fields
    tool = Tool(
        inner.required_text("name"),
        inner.text("description") or "",
        is_custom=True,
        format=inner.mapping("format"),
        cache=read_cache(fields, unknown),
        at=fields.at,
    )
    unknown += fields.left() + (inner.left() if inner is not fields else [])
    return tool


def read_choice(found: Any, at: str) -> ToolChoice:
    """`auto`, a tool, or a list of those allowed; also the old `{name}`. Raises `BadRequest`."""
    if isinstance(found, str) and found in _MODES:
        return ToolChoice(_MODES[found])
    if not isinstance(found, dict):
        raise wrong(at, "`auto`, `none`, `required` or an object")
    allowed = found.get("allowed_tools") if found.get("type") == "allowed_tools" else None
    if isinstance(allowed, dict) or found.get("type") == "allowed_tools":
        given = allowed if isinstance(allowed, dict) else found
        mode = _MODES.get(str(given.get("mode", "auto")))
        tools = given.get("tools")
        if mode is None or not isinstance(tools, list):
            raise wrong(at, "an object with `mode` and `tools`")
        return ToolChoice(mode, [_name(tool, at) for tool in tools])
    return ToolChoice("required", [_name(found, at)])


def _name(found: Any, at: str) -> str:
    if isinstance(found, dict):
        inner = found.get("function") or found.get("custom") or found
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and name:
            return name
    raise wrong(at, "an object that names a tool")


def write_tool(tool: Tool, manners: Manners) -> Json:
    found: Json = {"name": tool.name}
    if tool.description:
        found["description"] = tool.description
    if tool.is_custom and manners.has_custom:
        if tool.format is not None:
            found["format"] = _nested_format(tool.format)
        return {"type": "custom", "custom": found}
    if tool.is_custom:
        found["parameters"] = custom.SCHEMA
    elif tool.schema is not None:
        found["parameters"] = tool.schema
    elif manners.is_plain:  # else no parameters are said by saying nothing
        found["parameters"] = {"type": "object", "properties": {}}
    if tool.is_strict is not None:
        found["strict"] = tool.is_strict
    return {"type": "function", "function": found}


def _nested_format(form: Json) -> Json:
    """Responses has a grammar's members beside its type, chat has them one level deeper."""
    if form.get("type") != "grammar" or "grammar" in form:
        return form
    return {"type": "grammar", "grammar": {name: value for name, value in form.items() if name != "type"}}


def write_choice(choice: ToolChoice, turn: Turn, manners: Manners) -> Any:
    if not choice.names or choice.mode == "none":
        return choice.mode
    free = {tool.name for tool in turn.tools if isinstance(tool, Tool) and tool.is_custom}
    named = [_reference(name, manners.has_custom and name in free) for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _reference(name: str, is_custom: bool) -> Json:
    kind = "custom" if is_custom else "function"
    return {"type": kind, kind: {"name": name}}


def write_search(tool: HostedTool, lost: Losses) -> Json:
    """`web_search_options` out of any dialect's search tool."""
    raw = tool.raw
    options: Json = {}
    for key, value in raw.items():
        if key == "user_location" and isinstance(value, dict):
            options[key] = _location(value)
        elif key == "search_context_size":
            options[key] = value
        elif key not in ("type", "name") and value:
            lost.add(f"{tool.at}.{key}")
    return options


def _location(found: Json) -> Json:
    """Chat has the place one level deeper than the others."""
    if isinstance(found.get("approximate"), dict):
        return found
    place = {key: value for key, value in found.items() if key != "type" and value is not None}
    return {"type": "approximate", "approximate": place}
