"""Tools and the choice among them, in the flat form of Responses; chat's nested one is understood too."""

from typing import Any, Literal

from pronghorn.convert.dialect import Losses
from pronghorn.convert.fields import Fields, wrong
from pronghorn.convert.responses.signatures import NAME
from pronghorn.convert.turn import HostedTool, Json, Tool, ToolCall, ToolChoice, Turn

_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
_PLACE = ("city", "region", "country", "timezone")


def read_tools(values: list[Any], at: str, unknown: list[str]) -> list[Tool | HostedTool]:
    found: list[Tool | HostedTool] = []
    for index, value in enumerate(values):
        place = f"{at}[{index}]"
        if isinstance(value, dict) and value.get("type") == "namespace":
            found += _read_namespace(Fields(value, place), unknown)
        else:
            found.append(_read_tool(value, place, unknown))
    return found


def _read_namespace(fields: Fields, unknown: list[str]) -> list[Tool | HostedTool]:
    """The tools in it, each by its full name; the first one tells what they are for."""
    fields.take("type")
    namespace, purpose = fields.required_text("name"), fields.text("description")
    inner = read_tools(fields.listing("tools") or [], fields.path("tools"), unknown)
    unknown += fields.left()
    for tool in inner:
        if isinstance(tool, Tool):
            tool.name, tool.namespace = full_name(namespace, tool.name), namespace
            if purpose:
                tool.description = f"{purpose}\n\n{tool.description}".strip()
                purpose = None
    return inner


def full_name(namespace: str, name: str) -> str:
    """Two namespaces may have tools of one name, other dialects have no namespaces."""
    return f"{namespace}__{name}" if namespace else name


def short_name(call: ToolCall) -> str:
    return call.name.removeprefix(f"{call.namespace}__") if call.namespace else call.name


def _read_tool(value: Any, at: str, unknown: list[str]) -> Tool | HostedTool:
    fields = Fields(value, at)
    kind = fields.take("type") or "function"
    if kind not in ("function", "custom"):
        is_search = isinstance(kind, str) and kind.startswith("web_search")
        return HostedTool("web_search" if is_search else "other", NAME, fields.members, at)
    nested = fields.nested(kind)
    inner = nested or fields
    tool = Tool(inner.required_text("name"), inner.text("description") or "", at=at)
    if kind == "custom":
        tool.is_custom, tool.format = True, inner.mapping("format")
    else:
        tool.schema, tool.is_strict = inner.mapping("parameters"), inner.flag("strict")
    if fields.members.get("defer_loading") is False:
        fields.take("defer_loading")
    unknown += fields.left() + (nested.left() if nested is not None else [])
    return tool


def read_choice(found: Any, at: str, unknown: list[str]) -> ToolChoice | None:
    """None, and named as unknown, for a choice of a hosted tool. Raises `BadRequest`."""
    if isinstance(found, str) and found in _MODES:
        return ToolChoice(_MODES[found])
    if not isinstance(found, dict):
        raise wrong(at, "`auto`, `none`, `required` or an object")
    kind = found.get("type")
    if kind == "allowed_tools":
        return _read_allowed(found, at, unknown)
    if kind in ("function", "custom", None):
        return ToolChoice("required", [_name(found, at)])
    unknown.append(at)
    return None


def _read_allowed(found: Json, at: str, unknown: list[str]) -> ToolChoice | None:
    inner = found.get("allowed_tools")
    given = inner if isinstance(inner, dict) else found
    mode, tools = _MODES.get(str(given.get("mode", "auto"))), given.get("tools")
    if mode is None or not isinstance(tools, list):
        raise wrong(at, "an object with `mode` and `tools`")
    names = []
    for index, tool in enumerate(tools):
        if isinstance(tool, dict) and tool.get("type", "function") not in ("function", "custom"):
            unknown.append(f"{at}.tools[{index}]")
        else:
            names.append(_name(tool, at))
    return ToolChoice(mode, names) if names else None


def _name(found: Any, at: str) -> str:
    if isinstance(found, dict):
        inner = found.get("function") or found.get("custom") or found
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and name:
            return name
    raise wrong(at, "an object that names a tool")


def write_tool(tool: Tool) -> Json:
    """`strict` is always said: its default here is not that of the other dialects."""
    found: Json = {"type": "custom" if tool.is_custom else "function", "name": tool.name}
    if tool.description:
        found["description"] = tool.description
    if not tool.is_custom:
        found["parameters"] = _NO_ARGUMENTS if tool.schema is None else tool.schema
        found["strict"] = bool(tool.is_strict)
    elif tool.format is not None:
        found["format"] = _flat_format(tool.format)
    return found


def _flat_format(form: Json) -> Json:
    """Chat has the grammar one level deeper."""
    inner = form.get("grammar")
    return {"type": "grammar"} | inner if isinstance(inner, dict) else form


def write_choice(choice: ToolChoice, turn: Turn) -> Any:
    if not choice.names or choice.mode == "none":
        return choice.mode
    custom = {tool.name for tool in turn.tools if isinstance(tool, Tool) and tool.is_custom}
    named = [{"type": "custom" if name in custom else "function", "name": name} for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}


def write_hosted(tool: HostedTool, lost: Losses) -> Json:
    """One of our own, or any dialect's search of the web."""
    if tool.origin == NAME:
        return tool.raw
    found: Json = {"type": "web_search"}
    for key, value in tool.raw.items():
        if key == "allowed_domains" and value:
            found["filters"] = {"allowed_domains": value}
        elif key == "user_location" and isinstance(value, dict):
            inner = value.get("approximate")  # where chat has it
            place = inner if isinstance(inner, dict) else value
            found[key] = {"type": "approximate"} | {name: place[name] for name in _PLACE if place.get(name)}
        elif key == "search_context_size":
            found[key] = value
        elif key not in ("type", "name") and value:
            lost.add(f"{tool.at}.{key}" if tool.at else "")
    return found
