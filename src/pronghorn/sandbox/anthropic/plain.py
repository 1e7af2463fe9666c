"""A request in the plain shape in which the sandbox's chat decides: texts, tools as functions, results as `tool`."""

from typing import Any

from pronghorn.sandbox.anthropic.turns import Turn, with_inner

Shape = dict[str, Any]

_TEXT_FIELD = {"type": "string", "minLength": 1}
_OWN_INPUTS: dict[str, Shape] = {
    "bash": {"command": {"const": "ls"}},
    "computer": {"action": {"const": "screenshot"}},
    "memory": {"command": {"const": "view"}, "path": {"const": "/memories"}},
    "str_replace_editor": {"command": {"const": "view"}, "path": _TEXT_FIELD},
    "str_replace_based_edit_tool": {"command": {"const": "view"}, "path": _TEXT_FIELD},
}
"""What Anthropic's own tools that run at the caller's take; the others run at Anthropic."""


def last_words(turns: list[Turn]) -> str:
    return next((turn.text() for turn in reversed(turns) if turn.role == "user" and turn.text()), "")


def messages(turns: list[Turn]) -> list[Shape]:
    """The last of them is a result if nothing was said after it. What was begun for the model is left out."""
    plain: list[Shape] = []
    for turn in turns:
        text = turn.text()
        if turn.role == "user":
            results = turn.of("tool_result")
            plain += [{"role": "tool", "content": _result(path, block)} for path, block in results]
            if text or not results:
                plain.append({"role": "user", "content": text})
        elif turn.role == "assistant" and turn is not turns[-1]:
            plain.append({"role": "assistant", "content": text})
    return plain


def _result(path: str, block: Shape) -> str:
    content = block.get("content")
    if not isinstance(content, str):
        inner = [part for _, part in with_inner(path, block)]
        content = " ".join(part["text"] for part in inner if part["type"] == "text")
    return f"Error: {content}" if block.get("is_error") else content


def body(asked: Shape) -> Shape:
    choice = asked.get("tool_choice") or {"type": "auto"}
    names = {"auto": "auto", "any": "required", "none": "none"}
    forced = {"type": "function", "function": {"name": choice.get("name")}}
    config = (asked.get("output_config") or {}).get("format") or asked.get("output_format")
    return {
        "model": "claude",
        "tools": [_tool(tool) for tool in asked.get("tools") or () if _runs_at_caller(tool)],
        "tool_choice": names.get(choice["type"], forced),
        "parallel_tool_calls": not choice.get("disable_parallel_tool_use"),
        "response_format": {"type": "json_schema", "json_schema": config} if config else None,
    }


def _runs_at_caller(tool: Shape) -> bool:
    return "input_schema" in tool or tool["name"] in _OWN_INPUTS


def _tool(tool: Shape) -> Shape:
    own = _OWN_INPUTS.get(tool["name"], {})
    schema = tool.get("input_schema") or {"type": "object", "properties": own, "required": list(own)}
    return {"type": "function", "function": {"name": tool["name"], "parameters": schema}}
