"""A turn, written as a Responses request that asks the vendor to keep nothing."""

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.responses import tools
from pronghorn.convert.responses.items_out import write_messages
from pronghorn.convert.turn import HostedTool, Json, Media, OutputFormat, Tool, Turn

_LEAST_OUTPUT_TOKENS = 16
_AS_THEY_ARE = {
    "temperature": "temperature",
    "top_p": "top_p",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}


def takes_url(media: Media, target: Target) -> bool:
    return media.kind in ("image", "document") and media.url.startswith(("http://", "https://"))


def tokens_beyond(turn: Turn, target: Target) -> int:
    """The least that can be asked for may be more than the caller's own limit."""
    asked = turn.max_output_tokens
    return 0 if asked is None else max(0, _LEAST_OUTPUT_TOKENS - asked)


def write_request(turn: Turn, target: Target, lost: Losses) -> Json:
    instructions, items = write_messages(turn.messages, lost)
    body: Json = {"model": target.model}
    if instructions:
        body["instructions"] = instructions
    body |= {"input": items, "store": False}
    if turn.is_stream:
        body["stream"] = True
    if turn.max_output_tokens is not None:
        body["max_output_tokens"] = max(turn.max_output_tokens, _LEAST_OUTPUT_TOKENS)
        if turn.max_output_tokens < _LEAST_OUTPUT_TOKENS:
            lost.add(turn.at.get("max_output_tokens", ""))
    for field, name in _AS_THEY_ARE.items():
        value = getattr(turn, field)
        if value is not None:
            body[name] = value
    include: list[str] = []
    _write_tools(turn, body, lost)
    _write_reasoning(turn, body, include)
    _write_text(turn, body)
    if turn.logprobs:
        body["top_logprobs"] = turn.top_logprobs or 0
        include.append("message.output_text.logprobs")
    if include:
        body["include"] = include
    if turn.choices not in (None, 1):
        lost.add(turn.at.get("choices", ""))
    if not set(turn.modalities or ()) <= {"text"}:
        lost.add(turn.at.get("modalities", ""))
    return body


def _write_tools(turn: Turn, body: Json, lost: Losses) -> None:
    choice = turn.tool_choice
    if not turn.tools:
        if choice is not None and choice.mode == "required":
            lost.add(turn.at.get("tool_choice", ""))
        return
    body["tools"] = [
        tools.write_hosted(tool, lost) if type(tool) is HostedTool else _tool(tool, lost)
        for tool in turn.tools
    ]
    if choice is not None:
        body["tool_choice"] = tools.write_choice(choice, turn)
    if turn.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = turn.parallel_tool_calls


def _tool(tool: Tool, lost: Losses) -> Json:
    if tool.cache and tool.at:
        lost.add(f"{tool.at}.cache_control")
    return tools.write_tool(tool)


def _write_reasoning(turn: Turn, body: Json, include: list[str]) -> None:
    """Where it is wanted, its proof is too: without a store it is lost if it does not come back."""
    wanted = turn.reasoning
    if wanted is None:
        return
    effort = wanted.effort or _effort_of(wanted.budget)
    found: Json = {}
    if effort is not None:
        found["effort"] = effort
    if wanted.is_shown and effort != "none":
        found["summary"] = "auto"
    if found:
        body["reasoning"] = found
    if effort != "none":
        include.append("reasoning.encrypted_content")


def _effort_of(budget: int | None) -> str | None:
    """The other way round of what budgets are commonly made of; the model's own choice needs no word."""
    if budget is None or budget < 0:
        return None
    if budget == 0:
        return "none"
    return "low" if budget < 2048 else "medium" if budget < 16_384 else "high"


def _write_text(turn: Turn, body: Json) -> None:
    text: Json = {}
    if turn.output_format is not None:
        text["format"] = write_format(turn.output_format)
    if turn.verbosity is not None:
        text["verbosity"] = turn.verbosity
    if text:
        body["text"] = text


def write_format(wanted: OutputFormat) -> Json:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    found: Json = {"type": "json_schema", "name": wanted.name or "answer", "schema": wanted.schema or {}}
    if wanted.description:
        found["description"] = wanted.description
    if wanted.is_strict is not None:
        found["strict"] = wanted.is_strict
    return found
