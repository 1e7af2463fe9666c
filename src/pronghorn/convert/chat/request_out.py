"""A turn, written as a chat request for OpenAI or one of the many vendors that speak like it."""

from pronghorn.convert.chat import manners as vendors
from pronghorn.convert.chat import tools
from pronghorn.convert.chat.manners import Manners
from pronghorn.convert.chat.messages_out import cache_mark, write_messages
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.turn import HostedTool, Json, Media, OutputFormat, Reasoning, Tool, Turn

_AS_THEY_ARE = {
    "temperature": "temperature",
    "top_p": "top_p",
    "choices": "n",
    "seed": "seed",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "verbosity": "verbosity",
    "modalities": "modalities",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}


def write_request(turn: Turn, target: Target, lost: Losses) -> Json:
    manners = vendors.of(target)
    body: Json = {"model": target.model, "messages": write_messages(turn.messages, manners, lost)}
    if turn.is_stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if turn.max_output_tokens is not None:
        body["max_completion_tokens" if manners.is_openai else "max_tokens"] = turn.max_output_tokens
    for field, name in _AS_THEY_ARE.items():
        value = getattr(turn, field)
        if value is not None:
            body[name] = value
    if turn.top_k is not None:
        if manners.is_openai:
            lost.add(turn.at.get("top_k", ""))
        else:
            body["top_k"] = turn.top_k
    if turn.logprobs:
        body["logprobs"] = True
        if turn.top_logprobs:
            body["top_logprobs"] = turn.top_logprobs
    if turn.output_format is not None:
        body["response_format"] = _format(turn.output_format)
    if turn.audio is not None:
        body["audio"] = {"voice": turn.audio.voice, "format": turn.audio.format}
    _write_tools(turn, manners, body, lost)
    _write_reasoning(turn, manners, body, lost)
    return body


def takes_url(media: Media, target: Target) -> bool:
    """Pictures and films; a document only where a router fetches it."""
    if media.kind == "document":
        return vendors.of(target).is_wide
    return media.kind in ("image", "video")


def _format(wanted: OutputFormat) -> Json:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    inner: Json = {"name": wanted.name or "answer"}
    if wanted.description:
        inner["description"] = wanted.description
    if wanted.schema is not None:
        inner["schema"] = wanted.schema
    if wanted.is_strict is not None:
        inner["strict"] = wanted.is_strict
    return {"type": "json_schema", "json_schema": inner}


def _write_tools(turn: Turn, manners: Manners, body: Json, lost: Losses) -> None:
    written: list[Json] = []
    choice = turn.tool_choice
    # Few but OpenAI know a list of allowed tools: elsewhere the others are not told of.
    is_filtered = not manners.is_openai and choice is not None and _is_list(choice.names, choice.mode)
    for tool in turn.tools:
        if type(tool) is HostedTool:
            if tool.kind == "web_search" and manners.has_search:
                body["web_search_options"] = tools.write_search(tool, lost)
            elif tool.kind != "web_search" and tool.origin == "chat":
                written.append(tool.raw)
            else:
                lost.add(tool.at)
        elif not (is_filtered and choice is not None and tool.name not in choice.names):
            written.append(_tool(tool, manners, lost))
    if written:
        body["tools"] = written
        if choice is not None:
            body["tool_choice"] = choice.mode if is_filtered else tools.write_choice(choice, turn, manners)
        if turn.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = turn.parallel_tool_calls
    elif choice is not None and choice.mode == "required":
        lost.add(turn.at.get("tool_choice", ""))


def _is_list(names: list[str], mode: str) -> bool:
    return mode != "none" and (len(names) > 1 or (mode == "auto" and len(names) == 1))


def _tool(tool: Tool, manners: Manners, lost: Losses) -> Json:
    written = tools.write_tool(tool, manners)
    if tool.is_custom and tool.format is not None and not manners.has_custom and tool.at:
        lost.add(f"{tool.at}.format")
    if tool.cache and manners.is_wide:
        written["cache_control"] = cache_mark(tool.cache)
    elif tool.cache and tool.at:
        lost.add(f"{tool.at}.cache_control")
    return written


def _write_reasoning(turn: Turn, manners: Manners, body: Json, lost: Losses) -> None:
    wanted = turn.reasoning
    if wanted is None:
        return
    if manners.is_wide and (wanted.budget is not None or wanted.is_shown is not None):
        body["reasoning"] = _routed(wanted)
        return
    effort = wanted.effort or _effort_of(wanted.budget)
    if manners.has_switch:
        is_on = wanted.effort != "none" and wanted.budget != 0
        body["thinking"] = {"type": "enabled" if is_on else "disabled"}
    if effort is not None and manners.has_effort:
        body["reasoning_effort"] = effort
    elif wanted.effort not in (None, "none"):
        lost.add(turn.at.get("reasoning", ""))
    if wanted.is_shown and manners.is_openai:
        lost.add(turn.at.get("reasoning", ""))


def _routed(wanted: Reasoning) -> Json:
    found: Json = {}
    if wanted.effort is not None:
        found["effort"] = wanted.effort
    if wanted.budget == -1:
        found["enabled"] = True
    elif wanted.budget is not None:
        found["max_tokens"] = wanted.budget
    if wanted.is_shown is not None:
        found["exclude"] = not wanted.is_shown
    return found


def _effort_of(budget: int | None) -> str | None:
    """The other way round of what budgets are commonly made of; the model's own choice needs no word."""
    if budget is None or budget < 0:
        return None
    if budget == 0:
        return "none"
    return "low" if budget < 2048 else "medium" if budget < 16384 else "high"
