"""Canonical tools and the choice among them, for one model."""

from pronghorn.convert import custom
from pronghorn.convert.dialect import Losses
from pronghorn.convert.generate.models import Facts
from pronghorn.convert.generate.signatures import NAME
from pronghorn.convert.turn import HostedTool, Json, Tool, Turn

_UNSAID = frozenset({"type", "properties", "required", "additionalProperties", "$schema"})


def write_tools(body: Json, turn: Turn, model: Facts, lost: Losses) -> None:
    """Adds `tools` and `toolConfig`. Functions win over built-in tools where a model takes one kind alone."""
    functions = [_function(tool, lost) for tool in turn.tools if type(tool) is Tool]
    tools: list[Json] = [{"functionDeclarations": functions}] if functions else []
    for tool in turn.tools:
        if type(tool) is HostedTool:
            if functions and not model.mixes_tools:
                lost.add(tool.at)
            else:
                tools.append(_hosted(tool, lost))
    if tools:
        body["tools"] = tools
    _write_choice(body, turn, {function["name"] for function in functions}, lost)


def _function(tool: Tool, lost: Losses) -> Json:
    written: Json = {"name": tool.name}
    description = tool.description
    if tool.format:
        description = f"{description}\n\n{_grammar(tool.format)}".strip()
    if description:
        written["description"] = description
    if tool.is_custom:
        written["parametersJsonSchema"] = custom.SCHEMA
    elif tool.schema and (tool.schema.get("properties") or tool.schema.keys() - _UNSAID):
        written["parametersJsonSchema"] = tool.schema
    if tool.is_strict and not tool.is_custom:
        lost.add(f"{tool.at}.strict")
    if tool.cache:
        lost.add(f"{tool.at}.cache_control")
    return written


def _grammar(form: Json) -> str:
    grammar = form.get("grammar") or form
    definition = grammar.get("definition")
    if not definition:
        return ""
    return f"`input` must match this grammar ({grammar.get('syntax', 'lark')}):\n{definition}"


def _hosted(tool: HostedTool, lost: Losses) -> Json:
    if tool.origin == NAME:
        return tool.raw
    for name, value in tool.raw.items():
        if value and name not in ("type", "name"):
            lost.add(f"{tool.at}.{name}")
    return {"googleSearch": {}}


def _write_choice(body: Json, turn: Turn, names: set[str], lost: Losses) -> None:
    """Only where there are functions. A choice among some of them is not possible in the plain `AUTO`."""
    if turn.parallel_tool_calls is False:
        lost.add(turn.at.get("parallel_tool_calls", ""))
    choice = turn.tool_choice
    if choice is None:
        return
    if not names:
        if choice.mode == "required":
            lost.add(turn.at.get("tool_choice", ""))
        return
    allowed = [name for name in choice.names if name in names] if choice.mode != "none" else []
    if choice.mode == "none":
        mode = "NONE"
    elif choice.mode == "required":
        mode = "ANY"
    else:
        mode = "VALIDATED" if allowed else "AUTO"
    config: Json = {"mode": mode}
    if allowed:
        config["allowedFunctionNames"] = allowed
    body["toolConfig"] = {"functionCallingConfig": config}
